"""The batch API against a scripted server that keeps files and batches as OpenAI's does."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.sampling.batch_backend import BatchSampler
from pairsmith.pipeline.sampling.models import open_sampler
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Request, SamplingError, Trouble
from pairsmith.schemas.config.sampling import SamplingConfig
from tests.openai_server import LoopbackServer
from tests.sampling_kit import make_request, only_drawn


def answer(body: dict[str, Any]) -> dict[str, Any]:
    choices = [
        {"index": i, "message": {"content": f"seed {body['seed'] + i}"}, "finish_reason": "stop"}
        for i in range(body["n"])
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": 4 * body["n"]}
    return {"status_code": 200, "body": {"choices": choices, "usage": usage}}


class Server(LoopbackServer):
    """Batches end at the `n_polls`-th question; `script` answers one line, None leaves it out."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: Callable[[dict[str, Any]], dict[str, Any] | None] = answer
        self.n_polls, self.status, self.n_faults = 2, "completed", 0
        self.files: list[str] = []
        self.batches: list[list[dict[str, Any]]] = []
        self.asked: dict[int, int] = {}


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/v1/files":
            self.server.files.append(
                "".join(line + "\n" for line in content.splitlines() if line.startswith('{"'))
            )
            self._send({"id": f"file-{len(self.server.files) - 1}"})
            return
        asked = json.loads(content)
        assert asked == {**asked, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        text = self.server.files[int(asked["input_file_id"].removeprefix("file-"))]
        self.server.batches.append([json.loads(line) for line in text.splitlines()])
        self._send({"id": f"batch_{len(self.server.batches) - 1}"})

    def do_GET(self) -> None:
        if self.server.n_faults:
            self.server.n_faults -= 1
            self._send({}, 503)
            return
        number = int(re.findall(r"_(\d+)", self.path)[0])
        if self.path.startswith("/v1/batches/"):
            n = self.server.asked[number] = self.server.asked.get(number, 0) + 1
            is_over = n >= self.server.n_polls
            status = self.server.status if is_over else "in_progress"
            self._send({"status": status, "output_file_id": f"out_{number}" if is_over else None})
            return
        rows = [(line["custom_id"], self.server.script(line["body"])) for line in self.server.batches[number]]
        lines = [{"custom_id": name, "response": row, "error": None} for name, row in rows if row is not None]
        self._send_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))

    def _send(self, body: object, status: int = 200) -> None:
        self._send_text(json.dumps(body), status)

    def _send_text(self, text: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def open_batch(server: Server, folder: Path, **settings: Any) -> BatchSampler:
    config = SamplingConfig(backend="openai-batch", base_url=server.url, model="m", max_tokens=64, **settings)
    return BatchSampler(config, "key", lambda line: None, folder, poll_s=0.01, first_wait_s=0.01)


def draws(n: int) -> list[Request]:
    return [make_request(i, number=i) for i in range(n)]


def test_draws_of_one_prompt_are_one_line_and_each_comes_once(server: Server, tmp_path: Path) -> None:
    server.n_faults = 2
    drawn = only_drawn(open_batch(server, tmp_path, n_per_request=4).sample(draws(10)))
    assert sorted((one.request.index, one.completion) for one in drawn) == [
        (i, f"seed {1000 + i}") for i in range(10)
    ]
    assert [[line["body"]["n"] for line in batch] for batch in server.batches] == [[4, 4, 2]]
    assert list(tmp_path.iterdir()) == [], "nothing is waited for any more"


def test_a_process_that_is_started_again_waits_for_the_same_batches(server: Server, tmp_path: Path) -> None:
    server.n_polls = 3

    def killed(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pairsmith.pipeline.sampling.batch_backend.time.sleep", killed)
        with pytest.raises(KeyboardInterrupt):
            list(open_batch(server, tmp_path, n_per_request=4).sample(draws(10)))
    assert len(list(tmp_path.iterdir())) == 1
    rest = [request for request in draws(14) if request.index not in (1, 8)]  # two are in the sample store by now
    drawn = only_drawn(open_batch(server, tmp_path, n_per_request=4).sample(rest))
    assert sorted((one.request.index, one.completion) for one in drawn) == [
        (request.index, f"seed {request.seed}") for request in rest
    ]
    assert [sum(line["body"]["n"] for line in batch) for batch in server.batches] == [10, 4], "the new ones alone"


def test_no_more_is_enqueued_than_the_concurrency(server: Server, tmp_path: Path) -> None:
    assert len(only_drawn(open_batch(server, tmp_path, concurrency=4, n_per_request=2).sample(draws(10)))) == 10
    assert [sum(line["body"]["n"] for line in batch) for batch in server.batches] == [4, 4, 2]


def test_what_an_expired_batch_did_not_answer_is_asked_for_by_the_next_run(server: Server, tmp_path: Path) -> None:
    server.status = "expired"
    server.script = lambda body: answer(body) if body["seed"] < 1004 else None
    outcomes = list(open_batch(server, tmp_path, n_per_request=2).sample(draws(6)))
    assert sorted(one.request.index for one in outcomes if isinstance(one, Drawn)) == [0, 1, 2, 3]
    assert {one.trouble for one in outcomes if isinstance(one, Failure)} == {Trouble.TIMEOUT}


def test_what_a_server_refuses_is_asked_for_in_another_way(server: Server, tmp_path: Path) -> None:
    """It takes no `max_tokens`, and two draws are refused whatever their n."""

    def script(body: dict[str, Any]) -> dict[str, Any]:
        if "max_tokens" in body:
            return {"status_code": 400, "body": {"error": "use max_completion_tokens"}}
        if body["seed"] in (1002, 1003):
            return {"status_code": 400, "body": {"error": "refused"}}
        return answer(body)

    server.script = script
    outcomes = list(open_batch(server, tmp_path, n_per_request=2).sample(draws(8)))
    assert sorted(one.request.index for one in outcomes if isinstance(one, Drawn)) == [0, 1, 4, 5, 6, 7]
    assert {one.trouble for one in outcomes if isinstance(one, Failure)} == {Trouble.REFUSED}
    assert [[line["body"]["n"] for line in batch] for batch in server.batches] == [[2] * 4, [2] * 4, [1, 1]]


def test_a_batch_that_fails_as_a_whole_ends_the_run_with_its_reason(server: Server, tmp_path: Path) -> None:
    server.status = "failed"
    with pytest.raises(SamplingError, match=r"batch_0 failed .*sampling\.concurrency"):
        list(open_batch(server, tmp_path).sample(draws(2)))
    assert list(tmp_path.iterdir()) == []


def test_the_backend_is_opened_by_its_name(server: Server, tmp_path: Path) -> None:
    config = SamplingConfig(backend="openai-batch", base_url=server.url, model="m")
    assert isinstance(open_sampler(config, tmp_path, None, print), BatchSampler)
