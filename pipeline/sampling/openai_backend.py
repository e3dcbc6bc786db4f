"""Sampling from any OpenAI-compatible server: `vllm serve`, SGLang, llama.cpp, hosted ones."""

import asyncio
import email.utils
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx

from pairsmith.pipeline.sampling.concurrency import FIRST, Gate, Gates
from pairsmith.pipeline.sampling.errors import SamplingError
from pairsmith.pipeline.sampling.grouping import group_requests
from pairsmith.pipeline.sampling.openai_api import AnswerError, is_too_long, make_body, parse_answer, refused_field
from pairsmith.pipeline.sampling.protocol import ClosingSampler, Drawn, Failure, Request, Trouble
from pairsmith.schemas.config.sampling import SamplingConfig

MAX_TRIES = 6
FIRST_WAIT_S = 1.0  # doubled at each try, so 1 + 2 + 4 + 8 + 16 = 31 s for a server to come back
LONGEST_WAIT_S = 60.0
LONGEST_RETRY_AFTER_S = 600.0
_AHEAD = 2  # requests that are ready, for each that is under way
_SHORT_ANSWERS = 3  # calls with fewer choices than asked for, until no more are asked for at once
_OVERLOAD = frozenset({429, 500, 502, 503, 504, 529})
_RETRIED = _OVERLOAD | {408, 409, 425}
_REFUSED = {401: "the key is refused", 403: "the key may not use this", 404: "no such model or address"}

Outcome = Drawn | Failure | BaseException


class OpenAISampler(ClosingSampler):
    """Servers of one model. The key is sent to them and never told to anybody else."""

    backend = "openai"

    def __init__(
        self,
        config: SamplingConfig,
        api_key: str | None,
        say: Callable[[str], None],
        first_wait_s: float = FIRST_WAIT_S,
        first_concurrency: int = FIRST,
    ) -> None:
        """Make a sampler; nothing is sent yet.

        Args:
            config: `base_url`, `model`, `concurrency`, `n_a_request`, `send_seed`, `token_logprobs` and
                `request_limit_s` are used.
            api_key: sent as bearer token; None sends none.
            say: takes a line for the user.
            first_wait_s: seconds before the second try, doubled at each further one.
            first_concurrency: requests under way to one server in the beginning.

        Raises:
            SamplingError: if an address is none.
        """
        self.model, self.revision = config.model, config.revision
        self.served_name = config.model
        self.urls = tuple(_checked_url(url) for url in config.base_url)
        self._config, self._say, self._first_wait_s = config, say, first_wait_s
        self._first_concurrency = first_concurrency
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._left_out: set[str] = set()
        self._n_most, self._n_short = config.n_a_request, 0

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Draw completions, as they come in; those that the servers can't fill are failures.

        Raises:
            SamplingError: if the key or the model is refused.
        """
        groups = group_requests(requests, lambda: self._n_most)
        with _Loop(self._client) as loop:
            n_open, is_more = 0, True
            while True:
                while is_more and n_open < _AHEAD * loop.room():
                    group = next(groups, None)
                    if group is None:
                        is_more = False
                        break
                    loop.submit(self._ask_group, group)
                    n_open += 1
                if n_open == 0:
                    return
                for outcome in loop.outcomes.get():
                    if isinstance(outcome, BaseException):
                        raise outcome
                    yield outcome
                n_open -= 1

    def _client(self) -> tuple[httpx.AsyncClient, Gates]:
        limit_s = self._config.request_limit_s
        client = httpx.AsyncClient(
            headers=self._headers,
            timeout=httpx.Timeout(limit_s, connect=min(10.0, limit_s)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=self._config.concurrency),
            trust_env=False,
        )
        return client, Gates(self.urls, self._config.concurrency, self._first_concurrency)

    async def _ask_group(
        self, client: httpx.AsyncClient, gates: Gates, requests: tuple[Request, ...]
    ) -> list[Drawn | Failure]:
        """Ask for some completions, again after what may pass.

        Raises:
            SamplingError: if the server refuses the key or the model.
        """
        left, outcomes = list(requests), []  # type: tuple[list[Request], list[Drawn | Failure]]
        # Jitter needs no repeatable seed, but a seed of its own keeps the module's state untouched.
        jitter = random.Random(requests[0].candidate_id)
        tries, trouble, reason = 0, Trouble.MISSING, "no answer"
        while left and tries < MAX_TRIES:
            asked = left[: self._n_most]
            gate = await gates.enter()
            try:
                answered = await self._call(client, gate, asked)
            finally:
                await gates.leave(gate)
            if isinstance(answered, list):
                outcomes += answered
                left = left[len(answered) :]
                if answered and left:
                    self._note_short(len(answered), len(asked))
                if answered:
                    tries = 0
                    continue
                trouble, reason = Trouble.MISSING, "no choices in the answer"
            elif answered is None:  # asked in another way from now on
                continue
            else:
                trouble, reason = answered
                if trouble in (Trouble.TOO_LONG, Trouble.REFUSED):
                    return [*outcomes, *(Failure(request, trouble, reason) for request in left)]
                if await self._recover(gate.url, trouble):
                    continue
            tries += 1
            if tries < MAX_TRIES:
                await asyncio.sleep(
                    min(self._first_wait_s * 2 ** (tries - 1), LONGEST_WAIT_S) * jitter.uniform(0.5, 1.0)
                )
        told = f"{reason} (tried {MAX_TRIES} times)"
        return [*outcomes, *(Failure(request, trouble, told) for request in left)]

    async def _call(
        self, client: httpx.AsyncClient, gate: Gate, requests: list[Request]
    ) -> list[Drawn] | tuple[Trouble, str] | None:
        """Make one call; return its choices, or the trouble and its reason; None to ask in another way."""
        path, body = make_body(requests, self.served_name, self._left_out, self._config.send_seed)
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(self._config.request_limit_s):
                answer = await client.post(f"{gate.url}{path}", json=body)
        except TimeoutError:
            gate.overloaded(sent_at)
            return Trouble.TIMEOUT, f"no answer within {self._config.request_limit_s:g} s"
        except (httpx.HTTPError, ValueError) as error:
            gate.overloaded(sent_at)
            return Trouble.CUT_OFF, self._clean(f"{type(error).__name__}: {error}".strip(": "))
        if answer.status_code == 200:
            return self._parse(answer.content, requests, time.monotonic() - sent_at, "seed" in body, gate)
        reason = f"HTTP {answer.status_code}: {self._clean(answer.text)}"
        if answer.status_code in _REFUSED and not is_too_long(answer.text):
            raise SamplingError(self._refusal(gate.url, answer.status_code, reason))
        if answer.status_code in _OVERLOAD:
            gate.overloaded(sent_at, _retry_after_s(answer))
        if answer.status_code in _RETRIED:
            is_rate = answer.status_code == 429
            return (Trouble.RATE_LIMITED if is_rate else Trouble.SERVER_ERROR), reason
        if is_too_long(answer.text):
            return Trouble.TOO_LONG, reason
        return None if self._adapt(answer.text, body) else (Trouble.REFUSED, reason)

    def _parse(
        self, content: bytes, requests: list[Request], wall_s: float, sent_seed: bool, gate: Gate
    ) -> list[Drawn] | tuple[Trouble, str]:
        try:
            drawn = parse_answer(content, requests, wall_s, sent_seed, self._config.token_logprobs)
        except AnswerError as error:
            return error.trouble, str(error)
        gate.succeeded(sum(max(one.n_tokens, 1) for one in drawn))
        return drawn

    def _adapt(self, text: str, body: dict[str, Any]) -> bool:
        """Leave out what a server refuses, a field that it names or else `n`; return whether to ask again."""
        field = refused_field(text, body)
        if field is not None:
            self._left_out.add(field)
            self._say(f"{self.model}: the server takes no `{field}`; asking without ({self._clean(text)})")
            return True
        if body["n"] > 1 and self._n_most > 1:
            self._n_most = 1
            return True
        return bool(body["n"] > 1)

    def _note_short(self, n: int, n_asked: int) -> None:
        """Ask for fewer at once where a server gives fewer than asked for, again and again."""
        if n < n_asked:
            self._n_short += 1
            if self._n_short >= _SHORT_ANSWERS:
                self._n_most = max(1, min(n, self._n_most))

    async def _recover(self, url: str, trouble: Trouble) -> bool:
        """Return whether a server was brought back, so that the try doesn't count; it isn't ours, so no."""
        return False

    def _refusal(self, url: str, status: int, reason: str) -> str:
        advice = (
            "check sampling.model and sampling.base_url"
            if status == 404
            else "check the variable that sampling.api_key_variable names"
        )
        return f"{url}: {_REFUSED[status]} ({reason}); {advice}"

    def _clean(self, text: str) -> str:
        """Return the start of a text on one line, less the key: some servers repeat it."""
        text = " ".join(text.split())
        for value in self._headers.values():
            text = text.replace(value.removeprefix("Bearer "), "[key]")
        return text[:200]


class _Loop:
    """An event loop in a thread of its own: the caller may itself run in one, where `asyncio.run` is refused."""

    def __init__(self, open_client: Callable[[], tuple[httpx.AsyncClient, Gates]]) -> None:
        self.outcomes: queue.SimpleQueue[list[Outcome]] = queue.SimpleQueue()
        self._open_client = open_client
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-sampler", daemon=True)

    def __enter__(self) -> "_Loop":
        self._thread.start()
        self._client, self._gates = self._call(self._opened())
        return self

    def __exit__(self, *error: object) -> None:
        self._call(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def room(self) -> int:
        gates: Gates = self._gates
        return gates.room()

    def submit(self, ask: Callable[..., Any], group: tuple[Request, ...]) -> None:
        """Start to ask for a group; its outcomes, or the error that it ends in, come as one list."""
        self._loop.call_soon_threadsafe(self._start, ask, group)

    def _start(self, ask: Callable[..., Any], group: tuple[Request, ...]) -> None:
        async def work() -> None:
            try:
                self.outcomes.put(await ask(self._client, self._gates, group))
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                self.outcomes.put([error])

        task = self._loop.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _opened(self) -> tuple[httpx.AsyncClient, Gates]:
        return self._open_client()

    async def _closed(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()


def _checked_url(address: str) -> str:
    url = httpx.URL(address.rstrip("/"))
    if url.scheme not in ("http", "https") or not url.host:
        raise SamplingError(f"sampling.base_url={address}: write it like http://127.0.0.1:8000/v1")
    return str(url)


def _retry_after_s(answer: httpx.Response) -> float:
    """Return the seconds that a server asks to wait, told in seconds or as a date; 0.0 where it doesn't."""
    told = answer.headers.get("Retry-After", "0")
    try:
        wait_s = float(told)
    except ValueError:
        try:
            wait_s = email.utils.parsedate_to_datetime(told).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)
