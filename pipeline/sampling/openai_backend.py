"""Sampling from any OpenAI-compatible server: `vllm serve`, SGLang, llama.cpp, hosted ones."""

import asyncio
import queue
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from pipeline.sampling.errors import SamplingError
from pipeline.sampling.opening import make_opening
from pipeline.sampling.protocol import ClosingSampler, Drawn, Opening, Request
from schemas.config import SamplingConfig
from schemas.problem import Problem

MAX_TRIES = 6
FIRST_WAIT_S = 1.0  # doubled at each try, so 1 + 2 + 4 + 8 + 16 = 31 s for a server to come back
LONGEST_WAIT_S = 60.0
FAILURES_IN_A_ROW = 5  # requests given up with no success between them: the cause isn't a prompt
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_REFUSED = {401: "the key is refused", 403: "the key may not use this", 404: "no such model or address"}


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was given up, and why."""

    request: Request
    reason: str


class OpenAISampler(ClosingSampler):
    """A server, asked for one completion a request. The key is sent and never told to anybody else."""

    backend = "openai"

    def __init__(
        self,
        config: SamplingConfig,
        api_key: str | None,
        say: Callable[[str], None],
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        """Make a sampler; nothing is sent yet.

        Args:
            config: `base_url`, `model`, `template`, `concurrency` and `request_limit_s` are used.
            api_key: sent as bearer token; None sends none.
            say: takes a line for the user.
            first_wait_s: seconds before the second try, doubled at each further one.

        Raises:
            SamplingError: if the address is none.
        """
        url = httpx.URL(config.base_url.rstrip("/"))
        if url.scheme not in ("http", "https") or not url.host:
            raise SamplingError(f"sampling.base_url={config.base_url}: write it like http://127.0.0.1:8000/v1")
        self.model, self.revision = config.model, config.revision
        self.template: Literal["chat", "continuation"] = (
            "continuation" if config.template == "continuation" else "chat"
        )
        self._url, self._say, self._first_wait_s = str(url), say, first_wait_s
        self._concurrency, self._limit_s = config.concurrency, config.request_limit_s
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def opening(self, problem: Problem, index: int) -> Opening | None:
        """Return the chat message, or the code to continue if the configuration asks for it."""
        return make_opening(problem, self.template)

    def sample(self, requests: Sequence[Request]) -> Iterator[Drawn]:
        """Draw completions, as they come in.

        Requests that the server can't fill (a prompt too long, nonsense after all tries) are left out and
        said.

        Raises:
            SamplingError: if the key or model is refused, or several requests in a row were given up.
        """
        failures: list[Failure] = []
        n_in_a_row = 0
        for outcome in _in_thread(lambda put: self._ask_all(requests, put)):
            if isinstance(outcome, BaseException):
                raise outcome
            if isinstance(outcome, Drawn):
                n_in_a_row = 0
                yield outcome
                continue
            failures.append(outcome)
            n_in_a_row += 1
            if n_in_a_row >= min(FAILURES_IN_A_ROW, len(requests)):
                raise SamplingError(
                    f"{self._url}: {n_in_a_row} requests in a row failed ({outcome.reason}); is the server up?"
                )
        if failures:
            self._say(
                f"{len(failures)} of {len(requests)} requests were given up; the last: {failures[-1].reason}"
            )

    async def _ask_all(self, requests: Sequence[Request], put: Callable[[Any], None]) -> None:
        """Ask for all, a bounded number at a time, and hand each outcome over as it comes."""
        waiting = iter(requests)
        async with httpx.AsyncClient(
            headers=self._headers,
            timeout=httpx.Timeout(self._limit_s, connect=min(10.0, self._limit_s)),
            limits=httpx.Limits(max_connections=self._concurrency),
            trust_env=False,
        ) as client:

            async def work() -> None:
                for request in waiting:  # one iterator for all workers: each request is taken once
                    put(await self._ask(client, request))

            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._concurrency, len(requests))):
                    group.create_task(work())

    async def _ask(self, client: httpx.AsyncClient, request: Request) -> Drawn | Failure:
        """Ask for one completion, again after what may pass.

        Raises:
            SamplingError: if the server refuses the key or the model.
        """
        path, body = self._body(request)
        # Jitter needs no repeatable seed, but a seed of its own keeps the module's state untouched.
        jitter = random.Random(request.candidate_id)
        reason = ""
        for i in range(MAX_TRIES):
            wait_s = min(self._first_wait_s * 2**i, LONGEST_WAIT_S) * jitter.uniform(0.5, 1.0)
            try:
                async with asyncio.timeout(self._limit_s):
                    answer = await client.post(f"{self._url}{path}", json=body)
                if answer.status_code in _REFUSED:
                    raise SamplingError(self._refusal(answer))
                if answer.status_code == 200:
                    return _parse_answer(answer, request)
                reason = f"HTTP {answer.status_code}: {self._excerpt(answer)}"
                if answer.status_code not in _RETRIED:
                    return Failure(request, reason)
                wait_s = max(wait_s, _retry_after_s(answer))
            except TimeoutError:
                reason = f"no answer within {self._limit_s:g} s"
            except (httpx.HTTPError, ValueError) as error:
                reason = f"{type(error).__name__}: {error}".strip(": ")
            if i + 1 < MAX_TRIES:
                await asyncio.sleep(wait_s)
        return Failure(request, f"{reason} (tried {MAX_TRIES} times)")

    def _body(self, request: Request) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "model": self.model,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "n": 1,
        }
        if request.stop:
            body["stop"] = list(request.stop)
        if request.opening.template == "chat":
            message = {"role": "user", "content": request.opening.text}
            return "/chat/completions", {**body, "messages": [message], "logprobs": True}
        return "/completions", {**body, "prompt": request.opening.text, "logprobs": 0}

    def _refusal(self, answer: httpx.Response) -> str:
        advice = {404: "check sampling.model and sampling.base_url"}.get(
            answer.status_code, "check the variable that sampling.api_key_variable names"
        )
        what = _REFUSED[answer.status_code]
        return f"{self._url}: {what} (HTTP {answer.status_code}: {self._excerpt(answer)}); {advice}"

    def _excerpt(self, answer: httpx.Response) -> str:
        """Return the start of an answer on one line, less the key: some servers repeat it."""
        text = " ".join(answer.text.split())
        for value in self._headers.values():
            text = text.replace(value.removeprefix("Bearer "), "[key]")
        return text[:200]


def _parse_answer(answer: httpx.Response, request: Request) -> Drawn:
    """Return what a server answered.

    Raises:
        ValueError: if it isn't an answer of this API.
    """
    try:
        body = answer.json()
        choice = body["choices"][0]
        text = choice["message"]["content"] if request.opening.template == "chat" else choice["text"]
        text = "" if text is None else text
        if not isinstance(text, str):
            raise TypeError
        usage = body.get("usage") or {}
        logprobs = _logprobs(choice.get("logprobs"))
        reason = choice.get("finish_reason")
        return Drawn(
            request=request,
            completion=text.encode("utf-8", "replace").decode("utf-8"),
            n_prompt_tokens=int(usage.get("prompt_tokens", -1)),
            n_tokens=int(usage.get("completion_tokens", len(logprobs) or -1)),
            finish_reason=reason if reason in ("stop", "length") else "",
            mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
            seed=request.seed,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"nonsense from the server ({type(error).__name__})") from None


def _logprobs(found: Any) -> list[float]:
    """Return the drawn tokens' log-probabilities, in chat's form or that of completions; empty for none."""
    if not isinstance(found, dict):
        return []
    if found.get("content"):
        return [float(token["logprob"]) for token in found["content"]]
    return [float(value) for value in found.get("token_logprobs") or [] if value is not None]


def _retry_after_s(answer: httpx.Response) -> float:
    """Return the seconds that a server asks to wait, 0.0 where it doesn't; dates count as none."""
    try:
        return min(max(float(answer.headers.get("Retry-After", "0")), 0.0), LONGEST_WAIT_S)
    except ValueError:
        return 0.0


def _in_thread(main: Callable[[Callable[[Any], None]], Any]) -> Iterator[Any]:
    """Run a coroutine in a thread with a loop of its own; yield what it puts, then what it raised, if it did.

    The caller may itself run in an event loop, where `asyncio.run` is refused. A caller that stops early
    cancels the coroutine.
    """
    outcomes: queue.SimpleQueue[Any] = queue.SimpleQueue()
    done = object()
    loop = asyncio.new_event_loop()
    task = loop.create_task(main(outcomes.put))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        except BaseExceptionGroup as group:
            outcomes.put(group.exceptions[0])
        except BaseException as error:
            outcomes.put(error)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            outcomes.put(done)

    thread = threading.Thread(target=run, name="openai-sampler", daemon=True)
    thread.start()
    try:
        while (outcome := outcomes.get()) is not done:
            yield outcome
    finally:
        if thread.is_alive() and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
