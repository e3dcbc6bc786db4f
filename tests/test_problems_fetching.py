import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pairsmith.pipeline.problems import loading
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import ProblemsError
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.schemas.config import ProblemsConfig

ROW = (
    b'{"task_id": 11, "text": "Write f.", "code": "def f(a):\\n    return a", "test_list": ["assert f(1) == 1"],'
    b' "test_setup_code": "", "challenge_test_list": []}\n'
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server of one file, as the place where MBPP is published; gives the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = self.path == "/v1/mbpp.jsonl"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(ROW if found else b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{web.server_port}"
        monkeypatch.setattr(loading, "_FILES", {"mbpp": f"{base}/v1/mbpp.jsonl", "mbpp+": f"{base}/v1/gone.gz"})
        yield asked
        web.shutdown()


def test_a_published_file_is_fetched_once(server: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        loaded = load_problems(ProblemsConfig(source="mbpp"), starter_folder(), tmp_path)
        assert [row.problem_id for row in loaded.problems] == ["Mbpp/11"]
    assert server == ["/v1/mbpp.jsonl"]


def test_a_file_of_the_users_own_is_never_fetched(server: list[str], tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_bytes(ROW.replace(b"11", b"12"))
    loaded = load_problems(ProblemsConfig(source="mbpp", path=own), starter_folder(), tmp_path)
    assert [row.problem_id for row in loaded.problems] == ["Mbpp/12"]
    assert server == []


def test_without_the_file_the_address_is_told(server: list[str], tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match=r"mbpp\+: http.*gone\.gz can't be fetched.*`name=FILE` elsewhere"):
        load_problems(ProblemsConfig(source="mbpp+"), starter_folder(), tmp_path)
    assert not list(tmp_path.rglob("*gone*"))


def test_evoevals_subsets_have_files_of_their_own() -> None:
    config = ProblemsConfig(source="evoeval", dataset="EvoEval_tool_use")
    assert loading.address_of(config).endswith("/v0.1.0/EvoEval_tool_use.jsonl.gz")
    with pytest.raises(ProblemsError, match="unknown value 'EvoEval_hard'"):
        loading.address_of(ProblemsConfig(source="evoeval", dataset="EvoEval_hard"))
