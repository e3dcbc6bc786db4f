"""A server of OpenAI's API on loopback whose answers a test decides."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


def completion(text: str | None, finish: str = "stop") -> Answer:
    logprobs = {"content": [{"logprob": -0.25}, {"logprob": -0.75}]}
    body = {
        "choices": [{"message": {"content": text}, "finish_reason": finish, "logprobs": logprobs}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 2},
    }  # fmt: skip
    return 200, {}, json.dumps(body).encode()


class LoopbackServer(ThreadingHTTPServer):
    """A server of OpenAI's API on loopback, which ends with the test's process."""

    daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Server(LoopbackServer):
    """A server whose answers the test decides: `script(body, n)` for the n-th try of a prompt."""

    block_on_close = False  # hanging answers end with the process

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: Callable[[dict[str, Any], int], Answer] = lambda body, n: completion(f"seed {body['seed']}")
        self.tries: dict[int, int] = {}
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.lock = threading.Lock()
        self.n_now = self.n_most = 0
        self.metrics: Callable[[], str] = lambda: ""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        content = self.server.metrics().encode()
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if not content:  # the client disconnected
            return
        body = json.loads(content)
        with self.server.lock:
            seed = body.get("seed", -1)
            n = self.server.tries[seed] = self.server.tries.get(seed, 0) + 1
            self.server.paths.append(self.path)
            self.server.keys.append(self.headers["Authorization"])
            self.server.n_now += 1
            self.server.n_most = max(self.server.n_most, self.server.n_now)
        status, headers, content = self.server.script(body, n)
        with self.server.lock:
            self.server.n_now -= 1
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = headers.get("Connection") == "close"

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """A server that runs until the block ends."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
