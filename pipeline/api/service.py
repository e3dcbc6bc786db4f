"""The judge as a service on Starlette and uvicorn, without state: several may run behind a load balancer."""

import asyncio
import contextlib
import difflib
import hmac
import json
import math
import re
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pairsmith.pipeline.api.judge import Judge
from pairsmith.pipeline.api.problems import as_problem
from pairsmith.pipeline.api.run_code import is_number, run_code
from pairsmith.pipeline.run import listen
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.sandbox import SandboxError
from pairsmith.schemas.problem import Problem

MAX_BODY_BYTES = 16 << 20
MAX_WAITING = 1000  # requests that wait or run; more are refused with 429
MAX_WAITING_BYTES = 256 << 20  # of their bodies
READ_S = 60.0  # a body must have come by then: one that trickles would keep a place of the queue for ever
STOP_S = 150  # requests in flight get so long when the service is stopped: a program may run 120 s
_BACKLOG = 4096  # connections that wait to be taken
_LOOK_S = 0.5  # how often a client is looked for that waits
_N_TIMES = 10_000  # of requests that the quantiles are of
_KEYS = ("problem", "problem_id", "completion", "form", "limits")
_LIMITS = ("cpu_s", "wall_s", "case_wall_s", "total_wall_s", "memory_mib", "n_processes")
_GONE = 499  # nginx's word for a client that went away; nobody reads it
_MAX_ERROR = 500  # characters of the answer to a request: it may hold the request's own text
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")  # may begin half of a surrogate pair, which no answer can hold
_FRESH_S = 2.0  # a program that ended so short a time ago shows that programs run


class _RefusedError(Exception):
    """A request that gets an answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Metrics:
    """What `/metrics` reports."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_N_TIMES))
    n_waiting: int = 0
    n_bytes: int = 0
    started: float = field(default_factory=time.monotonic)

    def text(self, n_faults: int) -> str:
        """Return Prometheus's text form."""
        lines = ["# TYPE pairsmith_requests_total counter"]
        lines += [
            f'pairsmith_requests_total{{path="{path}",status="{status}"}} {n}'
            for (path, status), n in sorted(self.answers.items())
        ]
        lines.append("# TYPE pairsmith_verdicts_total counter")
        lines += [f'pairsmith_verdicts_total{{label="{label}"}} {n}' for label, n in sorted(self.labels.items())]
        lines.append("# TYPE pairsmith_request_seconds summary")
        times = sorted(self.times)
        for share in (0.5, 0.9, 0.99) if times else ():
            at = times[min(len(times) - 1, int(share * len(times)))]
            lines.append(f'pairsmith_request_seconds{{quantile="{share}"}} {at:.6f}')
        lines += [
            f"pairsmith_request_seconds_count {len(times)}",
            "# TYPE pairsmith_waiting gauge",
            f"pairsmith_waiting {self.n_waiting}",
            "# TYPE pairsmith_sandbox_faults_total counter",
            f"pairsmith_sandbox_faults_total {n_faults}",
            "# TYPE pairsmith_uptime_seconds gauge",
            f"pairsmith_uptime_seconds {time.monotonic() - self.started:.0f}",
        ]
        return "\n".join(lines) + "\n"


class JudgeService:
    """An application that judges completions and runs programs.

    Requests wait for a turn of the judge's; a request whose client went away before its turn never runs.
    """

    def __init__(self, judge: Judge, problems: Mapping[str, Problem] | None = None, token: str = "") -> None:
        """Serve a judge.

        Args:
            judge: opened.
            problems: those that requests may name by `problem_id`.
            token: what requests must carry as `Authorization: Bearer`; empty for none.
        """
        self._judge, self._problems, self._token = judge, problems or {}, token
        self.metrics = Metrics()
        self._look: Future[str] | None = None
        routes = [
            Route("/judge", self._endpoint(self._judge_one), methods=["POST"]),
            Route("/run_code", self._endpoint(self._run_code), methods=["POST"]),
            Route("/health", self._health, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]
        self.app = Starlette(routes=routes)

    def _endpoint(self, work: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request], Any]:
        """Return what answers requests whose body `work` takes, on a thread of the judge's."""

        async def answer(request: Request) -> Response:
            start = time.monotonic()
            try:
                self._check_token(request)
                response: Response = JSONResponse(await self._in_turn(request, work))
                self.metrics.times.append(time.monotonic() - start)
            except _RefusedError as refusal:
                response = _error(refusal, refusal.status)
                if refusal.status == 429:
                    response.headers["Retry-After"] = str(self._wait_s())
            except SandboxError as error:
                response = _error(error, 503)
                response.headers["Retry-After"] = "10"
            except (PairsmithError, TypeError) as error:
                response = _error(error, 422)
            except ClientDisconnect:
                response = Response(status_code=_GONE)
            self.metrics.answers[request.url.path, response.status_code] += 1
            return response

        return answer

    async def _in_turn(self, request: Request, work: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Return what the work gives, when its turn has come."""
        metrics = self.metrics
        if metrics.n_waiting >= MAX_WAITING or metrics.n_bytes >= MAX_WAITING_BYTES:
            raise _RefusedError(429, f"{metrics.n_waiting} requests are waiting")
        metrics.n_waiting += 1
        n_bytes = 0
        try:
            body = bytearray()
            async with asyncio.timeout(READ_S):
                async for chunk in _chunks(request):
                    body += chunk
                    n_bytes += len(chunk)
                    metrics.n_bytes += len(chunk)
                    if metrics.n_bytes > MAX_WAITING_BYTES:
                        raise _RefusedError(429, f"bodies of {metrics.n_bytes:,} bytes are waiting")
            row = _parse(bytes(body))
            future = self._judge.submit(lambda: work(row))
            waiting = asyncio.wrap_future(future)
            while not (await asyncio.wait({waiting}, timeout=_LOOK_S))[0]:
                if await request.is_disconnected():
                    future.cancel()  # one that runs already is run to its end: its limits end it
                    raise _RefusedError(_GONE, "the client disconnected")
            return waiting.result()
        except TimeoutError:
            raise _RefusedError(408, f"the body did not arrive within {READ_S:.0f} s") from None
        finally:
            metrics.n_waiting -= 1
            metrics.n_bytes -= n_bytes

    def _judge_one(self, row: dict[str, Any]) -> dict[str, Any]:
        for key in row.keys() - set(_KEYS):
            near = difflib.get_close_matches(key[:40], _KEYS, n=1, cutoff=0.0)[0]
            raise _RefusedError(422, f"unknown key {key[:40]!r}; the nearest known one is {near!r}")
        given = row.get("problem")
        if given is None and (name := row.get("problem_id")) is not None:
            if not isinstance(name, str) or name not in self._problems:
                raise _RefusedError(404, f"unknown problem {str(name)[:80]!r}")
            given = self._problems[name]
        if given is None:
            raise _RefusedError(422, "no 'problem', a JSON object, and no 'problem_id'")
        form = row.get("form", "auto")
        if form not in ("auto", "answer", "continuation", "as_is"):
            raise _RefusedError(
                422, f"unknown form {str(form)[:40]!r}; known are auto, answer, continuation, as_is"
            )
        verdict = self._judge.one(
            as_problem(given), row.get("completion"), form=form, limits=_limits(row.get("limits"))  # type: ignore[arg-type]
        )  # fmt: skip
        self.metrics.labels[str(verdict.label)] += 1
        return verdict.to_dict()

    def _run_code(self, row: dict[str, Any]) -> dict[str, Any]:
        return run_code(self._judge, row)

    async def _health(self, request: Request) -> Response:
        """Answer 200 if a program runs now, or just did, else 503; all that ask at once wait for one program."""
        try:
            if self._look is None or (self._look.done() and self._is_stale(self._look)):
                self._look = self._judge.submit(lambda: self._judge.pool.run(lambda bench: bench.candidate.python))
            python = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._look)), STOP_S)
        except (SandboxError, TimeoutError) as error:
            return JSONResponse({"status": "broken", "error": str(error)}, 503)
        found = {"status": "ok", "sandbox": self._judge.pool.name, "python": python}
        return JSONResponse({**found, "waiting": self.metrics.n_waiting})

    def _is_stale(self, look: "Future[str]") -> bool:
        return look.exception() is not None or time.monotonic() - self._judge.pool.worked_at > _FRESH_S

    async def _metrics(self, request: Request) -> Response:
        return PlainTextResponse(self.metrics.text(self._judge.pool.n_faults))

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._token and not hmac.compare_digest(given.encode(), self._token.encode()):
            raise _RefusedError(401, "missing or wrong token; send it as Authorization: Bearer ...")

    def _wait_s(self) -> int:
        """Return an estimate, in seconds, of when half of the waiting requests will be done, by the last ones."""
        times = list(self.metrics.times)[-100:]
        mean_s = sum(times) / len(times) if times else 1.0
        return max(1, math.ceil(mean_s / 2))


def serve_judge(service: JudgeService, host: str, port: int, log: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that were taken are answered first.

    Raises:
        AddressError: it can't listen there.
    """
    listener = listen(host, port, _BACKLOG)  # before the address is printed: who reads it may ask at once
    config = uvicorn.Config(
        service.app, log_level="warning", access_log=False, server_header=False, lifespan="off", backlog=_BACKLOG,
        timeout_graceful_shutdown=STOP_S,
    )  # fmt: skip
    shown = f"[{host}]" if ":" in host else host
    log(f"judge       http://{shown}:{listener.getsockname()[1]} (Ctrl-C ends it)")
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again that it stopped for
        uvicorn.Server(config).run(sockets=[listener])
    log("judge       stopped")


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise _RefusedError(413, f"a body of {int(length):,} bytes; {MAX_BODY_BYTES:,} are allowed")
    n_bytes = 0
    async for chunk in request.stream():
        n_bytes += len(chunk)
        if n_bytes > MAX_BODY_BYTES:
            raise _RefusedError(413, f"a body of more than {MAX_BODY_BYTES:,} bytes")
        yield chunk


def _error(error: Exception, status: int) -> JSONResponse:
    text = str(error)
    return JSONResponse({"error": text if len(text) <= _MAX_ERROR else text[:_MAX_ERROR] + "..."}, status)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        row = json.loads(body)
        if _HALF_PAIR.search(body):
            json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _RefusedError(422, "the body contains half of a surrogate pair") from None
    except (ValueError, RecursionError):
        raise _RefusedError(422, "the body is not JSON") from None
    if not isinstance(row, dict):
        raise _RefusedError(422, "the body is not a JSON object")
    return row


def _limits(given: Any) -> dict[str, float]:
    """Return the limits that a request asks for; those above the service's own do nothing."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise _RefusedError(422, "limits must be a JSON object")
    for name, value in given.items():
        if name not in _LIMITS:
            raise _RefusedError(422, f"unknown limit {str(name)[:40]!r}; known are {', '.join(_LIMITS)}")
        if not is_number(value) or value <= 0:
            raise _RefusedError(422, f"limit {name} must be a number above 0")
    whole = {
        name: math.ceil(value) if name in ("cpu_s", "memory_mib", "n_processes") else value
        for name, value in given.items()
    }
    return {**whole, **({"memory_mib": max(64, whole["memory_mib"])} if "memory_mib" in whole else {})}
