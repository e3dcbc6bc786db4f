"""The service: verdicts and programs over HTTP, what it refuses, and how it ends."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from pairsmith import Judge
from pairsmith.pipeline.api import service as service_module
from pairsmith.pipeline.api.problems import as_problem
from pairsmith.pipeline.api.service import JudgeService
from pairsmith.pipeline.sandbox import SandboxError
from tests.cli_kit import call_pairsmith, command_of, environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning"),  # of the test client
]
PROBLEM = {"problem_id": "add", "prompt": "", "entry_point": "add", "tests": ["assert add(1, 2) == 3"]}
RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"
WRONG = "```python\ndef add(a, b):\n    return a - b\n```"
SLEEPS = "```python\nimport time\ndef add(a, b):\n    time.sleep(3)\n    return a + b\n```"
BUBBLEWRAP = "sandbox.backend=bubblewrap"


def start(home: Path, *arguments: str | Path, token: str = "") -> tuple[subprocess.Popen[str], str]:
    """Start a service on a free port; return its process and address."""
    process = subprocess.Popen(
        command_of("judge", *arguments, "--serve", "127.0.0.1:0", "--set", BUBBLEWRAP),
        stdout=subprocess.PIPE, text=True, env={**environment(home), "PAIRSMITH_TOKEN": token},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return process, found.group()
    raise AssertionError("the service did not start")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("service")
    problems = folder / "problems.jsonl"
    problems.write_text(json.dumps(PROBLEM) + "\n")
    process, address = start(folder, problems)
    yield address
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) in (0, 128 + signal.SIGTERM)


def ask(url: str, path: str, **body: Any) -> httpx.Response:
    return httpx.post(url + path, content=json.dumps(body), timeout=120)


def test_completions_are_judged(url: str) -> None:
    right = ask(url, "/judge", problem_id="add", completion=RIGHT)
    assert (right.status_code, right.json()["passed"], right.json()["cases"][0]["got"]) == (200, True, "3")
    wrong = ask(url, "/judge", problem=PROBLEM, completion=WRONG)
    assert (wrong.json()["label"], wrong.json()["cause"]) == ("failed", "wrong_value")


@pytest.mark.nightly
def test_a_request_may_lower_limits_and_not_raise_them(url: str) -> None:
    late = ask(url, "/judge", problem_id="add", completion=SLEEPS, limits={"case_wall_s": 0.5})
    assert (late.json()["label"], late.json()["cause"]) == ("failed", "timeout")
    assert ask(url, "/judge", problem_id="add", completion=SLEEPS, limits={"case_wall_s": 1000}).json()["passed"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"completion": RIGHT}, 422, "no 'problem'"),
        ({"problem_id": "other", "completion": RIGHT}, 404, "unknown problem 'other'"),
        ({"problem_id": "add"}, 422, "a completion must be text, not NoneType"),
        ({"problem_id": "add", "completion": 3}, 422, "a completion must be text, not int"),
        ({"problem": {**PROBLEM, "tets": 1}, "completion": RIGHT}, 422, "did you mean 'tests'"),
        ({"problem": 7, "completion": RIGHT}, 422, "a problem must be a record or a dict"),
        ({"problem_id": "add", "completion": RIGHT, "form": "x"}, 422, "form 'x'"),
        ({"problem_id": "add", "completion": RIGHT, "limit": {"cpu_s": 1}}, 422, "nearest known one is 'limits'"),
        ({"problem_id": "add", "completion": RIGHT, "limits": {"gpu": 1}}, 422, "unknown limit 'gpu'"),
        ({"problem_id": "add", "completion": RIGHT, "limits": {"cpu_s": -1}}, 422, "must be a number above 0"),
        (
            {"problem_id": "add", "completion": RIGHT, "limits": {"cpu_s": 10**400}},
            422,
            "must be a number above 0",
        ),
        ({"problem_id": ["add"], "completion": RIGHT}, 404, "unknown problem"),
        ({"problem": {**PROBLEM, "problem_id": "\ud800"}, "completion": RIGHT}, 422, "half of a surrogate pair"),
        ({"problem": {**PROBLEM, "problem_id": ["x" * 5000]}, "completion": RIGHT}, 422, "xxx..."),
    ],
)
def test_bad_requests_are_told_what_is_wrong(url: str, body: dict[str, Any], status: int, message: str) -> None:
    answer = ask(url, "/judge", **body)
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_what_is_no_json_or_too_long_is_refused(url: str) -> None:
    assert httpx.post(url + "/judge", content=b"{").status_code == 422
    assert httpx.post(url + "/judge", content=b"[1]").status_code == 422
    assert httpx.post(url + "/judge", content=b'{"completion": "\\ud800", "problem_id": "add"}').status_code == 422
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as connection:
        head = f"POST /judge HTTP/1.1\r\nHost: x\r\nContent-Length: {100 << 20}\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(100)

    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * (1 << 20)

    with contextlib.suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):  # it hung up
        assert httpx.post(url + "/judge", content=chunks(), timeout=60).status_code == 413
    assert ask(url, "/judge", problem_id="add", completion=RIGHT).json()["passed"]


@pytest.mark.nightly
def test_a_client_that_goes_away_costs_no_other_its_answer(url: str) -> None:
    for _ in range(20):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(url + "/judge", json={"problem_id": "add", "completion": SLEEPS}, timeout=0.05)
    start_s = time.monotonic()
    assert ask(url, "/judge", problem_id="add", completion=RIGHT).json()["passed"]
    assert (
        time.monotonic() - start_s < 40
    )  # most of the 20 never ran: one after the other they take a minute and more


def test_health_and_metrics(url: str) -> None:
    health = httpx.get(url + "/health", timeout=60)
    assert health.json()["status"] == "ok"
    ask(url, "/judge", problem_id="add", completion=RIGHT)
    text = httpx.get(url + "/metrics").text
    assert re.search(r'^pairsmith_requests_total\{path="/judge",status="200"\} \d+$', text, re.MULTILINE)
    assert 'pairsmith_verdicts_total{label="passed"}' in text
    assert 'pairsmith_request_seconds{quantile="0.5"}' in text


PROGRAMS = {
    "python": ("print(sum(map(int, input().split())))", "import sys\nprint('said')\nsys.exit(3)", "def f(:"),
    "cpp": (
        "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }",
        '#include <iostream>\nint main() { std::cout << "said" << std::endl; return 3; }',
        "int main( {",
    ),
    "nodejs": (
        "console.log(require('fs').readFileSync(0, 'utf8').split(' ').map(Number).reduce((a, b) => a + b))",
        "console.log('said'); process.exit(3)",
        "function (",
    ),
}


@pytest.mark.nightly
@pytest.mark.parametrize("language", PROGRAMS)
def test_a_client_of_sandbox_fusion_runs_programs(url: str, language: str) -> None:
    """A client as SandboxFusion's documentation has it: `code`, `language`, `stdin`, timeouts; then what ran."""
    right, exits, broken = PROGRAMS[language]

    def run(code: str) -> dict[str, Any]:
        request = {"code": code, "language": language, "stdin": "1 2", "compile_timeout": 30, "run_timeout": 30}
        answer = httpx.post(f"{url}/run_code", json={**request, "memory_limit_MB": -1}, timeout=200)
        assert answer.status_code in (200, 422), answer.text
        if answer.status_code == 422 and "not found" in answer.text:
            pytest.skip(answer.text)
        found: dict[str, Any] = answer.json()
        return found

    found = run(right)
    if "error" in found:
        pytest.skip(found["error"])  # no toolchain here
    assert (found["status"], found["run_result"]["status"], found["run_result"]["return_code"]) == (
        "Success",
        "Finished",
        0,
    )
    assert found["run_result"]["stdout"] == "3\n"
    found = run(exits)
    assert (found["status"], found["run_result"]["return_code"], found["run_result"]["stdout"]) == (
        "Failed",
        3,
        "said\n",
    )
    found = run(broken)
    assert found["status"] == "Failed"
    step = found["compile_result"] if language == "cpp" else found["run_result"]
    assert "rror" in step["stderr"]


def test_a_program_of_python_says_what_it_raised(url: str) -> None:
    found = ask(url, "/run_code", language="python", code="print(1)\n1 / 0").json()["run_result"]
    assert (found["stdout"], found["return_code"]) == ("1\n", 1)
    assert found["stderr"].startswith('Traceback (most recent call last):\n  File "<solution>", line 2')
    late = ask(url, "/run_code", language="python", code="import time\ntime.sleep(20)", run_timeout=1).json()
    assert (late["status"], late["run_result"]["status"]) == ("Failed", "TimeLimitExceeded")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"language": "python"}, "code must be text"),
        ({"code": "x", "language": "cobol"}, "unknown language 'cobol'"),
        ({"code": "x", "language": "python", "run_timeout": "long"}, "run_timeout must be a number"),
        ({"code": "x", "language": "python", "run_timeout": 10**400}, "run_timeout must be a number"),
        ({"code": "x", "language": "python", "memory_limit_MB": 10**400}, "memory_limit_MB must be a number"),
        ({"code": "\ud800", "language": "cpp"}, "half of a surrogate pair"),
        ({"code": "x", "language": "python", "files": {"a": "b"}}, "files and fetch_files are not supported"),
    ],
)
def test_bad_programs_are_told_what_is_wrong(url: str, body: dict[str, Any], message: str) -> None:
    answer = ask(url, "/run_code", **body)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


def test_a_full_queue_says_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "MAX_WAITING", 8)
    with Judge("bubblewrap", workers=1) as judge, TestClient(JudgeService(judge).app) as client:
        with ThreadPoolExecutor(200) as threads:
            body = {"problem": PROBLEM, "completion": RIGHT}
            answers = list(threads.map(lambda _: client.post("/judge", json=body), range(200)))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 429}
        assert all(answer.json()["passed"] for answer in answers if answer.status_code == 200)
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 429)


def test_bodies_that_trickle_or_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "READ_S", 0.5)
    monkeypatch.setattr(service_module, "MAX_WAITING_BYTES", 1 << 20)
    service = JudgeService(Judge("bubblewrap", workers=1))
    gate = asyncio.Event()

    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await gate.wait()

    async def pour() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * (1 << 16)

    async def both() -> list[int]:
        transport = httpx.ASGITransport(app=service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answers = [await client.post("/judge", content=part()) for part in (trickle, pour)]
        return [answer.status_code for answer in answers]

    assert asyncio.run(both()) == [408, 429]
    assert (service.metrics.n_waiting, service.metrics.n_bytes) == (0, 0)


def test_many_that_ask_for_health_run_one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    with Judge("bubblewrap", workers=1) as judge, TestClient(JudgeService(judge).app) as client:
        ran = []
        run = judge.pool.run

        def counted(work: Callable[[Any], Any]) -> Any:
            ran.append(work)
            return run(work)

        monkeypatch.setattr(judge.pool, "run", counted)
        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(lambda _: client.get("/health"), range(100)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(ran) < 20


def test_a_sandbox_that_is_gone_is_503_and_no_label(monkeypatch: pytest.MonkeyPatch) -> None:
    with Judge("bubblewrap", workers=1) as judge, TestClient(JudgeService(judge).app) as client:

        def gone(*_: Any, **__: Any) -> Any:
            raise SandboxError("no sandbox has started for 10 s")

        monkeypatch.setattr(judge.pool, "run", gone)
        for path, body in (
            ("/judge", {"problem": PROBLEM, "completion": RIGHT}),
            ("/run_code", {"code": "", "language": "python"}),
        ):
            answer = client.post(path, json=body)
            assert (answer.status_code, answer.json()) == (503, {"error": "no sandbox has started for 10 s"})
        assert client.get("/health").status_code == 503


def test_a_token_is_asked_for() -> None:
    with Judge("bubblewrap", workers=1) as judge:
        app = JudgeService(judge, {"add": as_problem(PROBLEM)}, token="s3cret").app
        with TestClient(app) as client:
            body = {"problem_id": "add", "completion": RIGHT}
            assert client.post("/judge", json=body).status_code == 401
            assert client.post("/judge", json=body, headers={"Authorization": "Bearer other"}).status_code == 401
            assert client.post("/judge", json=body, headers={"Authorization": "Bearer s3cret"}).json()["passed"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("0.0.0.0:8080", "requires a token"),
        ("8080", "write HOST:PORT"),
        ("127.0.0.1:x", "write HOST:PORT"),
    ],
)
def test_addresses_that_cant_be_served_are_refused(address: str, message: str, home: Path) -> None:
    os.environ.pop("PAIRSMITH_TOKEN", None)
    done = call_pairsmith("judge", "--serve", address, home=home)
    assert done.returncode == 1
    assert message in done.stderr


@pytest.mark.nightly
def test_a_stop_answers_what_was_taken_and_leaves_nothing(tmp_path: Path) -> None:
    process, url = start(tmp_path)
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(ask, url, "/judge", problem=PROBLEM, completion=SLEEPS)
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        assert asked.result().json()["passed"]
    assert process.wait(timeout=60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url + "/health")
