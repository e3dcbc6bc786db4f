"""Stands in for `vllm serve` in tests: `python fake_server.py PORT FOLDER`. Standard library only.

Answers /health and both completion paths. What it does wrong is told by files in the folder: hang, sick, dead.
It writes its process id and that of a child, as vLLM has one, and appends the seeds that it was asked for.
"""

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(503 if (FOLDER / "sick").exists() else 200, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            return self._answer(401, {})
        while (FOLDER / "hang").exists():
            time.sleep(0.05)
        time.sleep(0.02)
        n = body["n"]
        choices = [
            {"index": i, "message": {"content": f"seed {body['seed'] + i}"}, "finish_reason": "stop"}
            for i in range(n)
        ]
        self._answer(200, {"choices": choices, "usage": {"prompt_tokens": 3, "completion_tokens": 4 * n}})
        with (FOLDER / "seeds").open("a") as file:
            file.write("".join(f"{body['seed'] + i}\n" for i in range(n)))
        return None

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    if (FOLDER / "dead").exists():
        sys.exit("ValueError: no such model")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with (FOLDER / "pids").open("a") as file:
        file.write(f"{os.getpid()} {child.pid}\n")
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.daemon_threads = True
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
