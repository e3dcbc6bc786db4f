"""Sampling from any OpenAI-compatible server: `vllm serve`, SGLang, llama.cpp, hosted ones."""

import asyncio
import functools
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from pairsmith.pipeline.sampling.concurrency import MOST, ClientLoop, Gate, Gates, read_metrics
from pairsmith.pipeline.sampling.openai_api import (
    AnswerError,
    Dialect,
    checked_url,
    is_too_long,
    make_body,
    name_servers,
    parse_answer,
    retry_after_s,
)
from pairsmith.pipeline.sampling.protocol import (
    Drawn,
    Failure,
    Request,
    Sampler,
    SamplingError,
    Trouble,
    answer_limit,
    group_requests,
)
from pairsmith.schemas.config.sampling import SamplingConfig

MAX_TRIES = 6
MAX_BODY_BYTES = 256 << 20  # 16 completions of 32,000 tokens with their log-probabilities take 50 MB
FIRST_WAIT_S = 1.0  # doubled at each try, so 1 + 2 + 4 + 8 + 16 = 31 s for a server to come back
LONGEST_WAIT_S = 60.0
N_OWN_500 = 3  # HTTP 500 for one request while others are answered: the request's own fault, not the server's
_MOST_IDLE = 32  # connections to one server that are kept without a request
REPORT_EVERY_S = 0.5  # until vLLM is asked again what runs and waits
_OVERLOAD = frozenset({429, 502, 503, 504, 529})
RETRIED = _OVERLOAD | {408, 409, 425, 500}
_CHECK_KEY = "check the variable that sampling.api_key_variable names"
REFUSED = {
    401: f"the key is refused ({{reason}}); {_CHECK_KEY}",
    403: f"the key has no access ({{reason}}); {_CHECK_KEY}",
    404: "no such model or address ({reason}); check sampling.model and sampling.base_url",
}
_LIMIT_S = 120.0  # for the prompt, the server's queue and the first tokens
_MAX_LIMITS = 10  # time limits until a request is given up that gets no answer while the server makes others
_SLOWEST_TOKENS_PER_S = 5.0  # of one completion; a full batch of a large model makes 10 to 30
_MODELS_LIMIT_S = 10.0
_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window", "max_context_length")  # in `/models`


@dataclass(slots=True)
class _Group:
    """Requests of one prompt, while they are asked for."""

    left: list[Request]  # without an outcome
    n_most: int  # completions asked for at once; 1 once the server refused this prompt with more
    outcomes: list[Drawn | Failure] = field(default_factory=list)
    tries: int = 0
    n_own_500: int = 0  # HTTP 500 that this prompt got while the server answered others
    last_500: dict[str, int] = field(default_factory=dict)  # answers of a server at the last 500, by its address

    def fail(self, trouble: Trouble, reason: str) -> list[Drawn | Failure]:
        """Give up on what is left; return all outcomes."""
        return [*self.outcomes, *(Failure(request, trouble, reason) for request in self.left)]

    def is_to_blame(self, gate: Gate) -> bool:
        """Count an HTTP 500; return whether the server answers others and fails this prompt again and again."""
        self.n_own_500 += gate.n_answered > self.last_500.get(gate.url, gate.n_answered)
        self.last_500[gate.url] = gate.n_answered
        return self.n_own_500 >= N_OWN_500 - 1


class OpenAISampler(Sampler):
    """Servers of one model. The key is sent to them and appears in no message."""

    backend = "openai"

    def __init__(
        self,
        config: SamplingConfig,
        api_key: str | None,
        report: Callable[[str], None],
        first_wait_s: float = FIRST_WAIT_S,
        limit_s: float | None = None,
    ) -> None:
        """Make a sampler; nothing is sent yet.

        Args:
            first_wait_s: seconds before the second try, doubled at each further one.
            limit_s: seconds until a request is given up to which a server makes no progress; None takes
                `request_limit_s`.
        """
        self.model = self.served_name = config.model
        self.urls = tuple(checked_url(url) for url in config.base_url)
        self.revision = config.revision or name_servers(self.urls)
        self._config, self._report, self._first_wait_s = config, report, first_wait_s
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.asks_log_probs = config.asks_log_probs
        self._dialect = Dialect(set() if self.asks_log_probs else {"logprobs"})
        self._learned = set[str]()
        self._given_limit_s = limit_s
        self._n_most = min(config.n_per_request, config.concurrency or MOST)

    def context(self) -> int | None:
        """Return the model's context length if the first server lists it in `/models` (vLLM, SGLang, most)."""
        return self._context if self._config.fixed_max_tokens is None else None

    @functools.cached_property
    def _context(self) -> int | None:
        try:
            url = f"{self.urls[0]}/models"
            answer = httpx.get(url, headers=self._headers, timeout=_MODELS_LIMIT_S, trust_env=False)
            rows = answer.json()["data"]
            row = next(row for row in rows if row["id"] == self.served_name)
            found = next(row[name] for name in _CONTEXT_FIELDS if isinstance(row.get(name), int))
        except (httpx.HTTPError, ValueError, LookupError, TypeError, StopIteration):
            most = f"at most {answer_limit(self._config, None)} tokens per completion (sampling.max_tokens)"
            self._report(f"{self.model}: the server does not report its context length; {most}")
            return None
        return int(found) if found > 0 else None

    @functools.cached_property
    def _limit_s(self) -> float:
        return self._given_limit_s or request_limit_s(answer_limit(self._config, self.context()))

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Draw completions, as they come in; those that the servers can't fill are failures."""
        groups = group_requests(requests, lambda: self._n_most)
        with ClientLoop(self._open_client, REPORT_EVERY_S) as loop:
            n_open, is_more = 0, True
            while True:
                while is_more and n_open < loop.wanted():
                    group = next(groups, None)
                    if group is None:
                        is_more = False
                        loop.end()
                        break
                    loop.submit(self._ask_group, group)
                    n_open += len(group)
                if n_open == 0:
                    return
                outcomes = loop.outcomes.get()
                for outcome in outcomes:
                    if isinstance(outcome, BaseException):
                        raise outcome
                    yield outcome
                n_open -= len(outcomes)

    async def _open_client(self) -> tuple[httpx.AsyncClient, Gates]:
        # At each request httpx looks through all connections of a pool, and again for each idle one: each server
        # has a pool of its own, with few idle connections.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=_MOST_IDLE)
        verify = httpx.create_ssl_context(trust_env=False)
        servers = {f"{url.scheme}://{url.netloc.decode()}" for url in map(httpx.URL, self.urls)}
        client = httpx.AsyncClient(
            headers=self._headers,
            timeout=httpx.Timeout(None, connect=min(10.0, self._limit_s)),  # `_post` limits the rest
            mounts={
                server: httpx.AsyncHTTPTransport(verify=verify, limits=limits, trust_env=False)
                for server in servers
            },
            trust_env=False,
        )
        return client, Gates(self.urls, self._config.concurrency)

    async def _ask_group(
        self, client: httpx.AsyncClient, gates: Gates, requests: tuple[Request, ...]
    ) -> list[Drawn | Failure]:
        """Ask for some completions, again after what may pass; one outcome a request."""
        group = _Group(list(requests), self._n_most)
        # Jitter needs no repeatable seed, but a seed of its own keeps the module's state untouched.
        jitter = random.Random(requests[0].candidate_id)
        trouble, reason, is_again = Trouble.MISSING, "no answer", False
        while group.left and group.tries < MAX_TRIES:
            asked = group.left[: min(group.n_most, self._n_most)]
            gate = await gates.enter(len(asked), is_again)
            is_again = True
            try:
                answered = await self._race(client, gates, gate, asked)
            finally:
                gates.leave(gate, len(asked))
            if answered is None:  # asked in another way from now on
                continue
            if isinstance(answered, list) and answered:
                self._take(group, answered, len(asked))
                continue
            if isinstance(answered, list):
                trouble, reason = Trouble.MISSING, "no choices in the response"
            else:
                trouble, reason = answered
                if trouble is Trouble.REFUSED and len(asked) > 1:  # perhaps the server takes no n
                    group.n_most = 1
                    continue
                if trouble in (Trouble.TOO_LONG, Trouble.REFUSED):
                    return group.fail(trouble, reason)
                if reason.startswith("HTTP 500") and group.is_to_blame(gate):
                    return group.fail(
                        Trouble.REFUSED, f"{reason} ({N_OWN_500} times, while other requests succeeded)"
                    )
            is_elsewhere = not gate.is_well() and any(other.is_well() for other in gates.gates)
            if not isinstance(answered, list) and not is_elsewhere and await self._recover(gate.url):
                gate.recovered()
                continue
            group.tries += 1
            if group.tries < MAX_TRIES and not is_elsewhere:
                wait_s = min(self._first_wait_s * 2 ** (group.tries - 1), LONGEST_WAIT_S)
                await asyncio.sleep(wait_s * jitter.uniform(0.5, 1.0))
        return group.fail(trouble, f"{reason} (tried {MAX_TRIES} times)")

    def _take(self, group: _Group, answered: list[Drawn], n_asked: int) -> None:
        """Take what a call brought, and learn how many completions the server gives at once."""
        group.outcomes += answered
        group.left = group.left[len(answered) :]
        group.tries = 0
        if group.n_most == 1 < self._n_most:  # it was refused with more
            self._n_most = 1
            self._report(f"{self.model}: the server does not support `n`; requesting one completion at a time")
        elif len(answered) < n_asked:
            self._n_most = min(len(answered), self._n_most)

    async def _race(
        self, client: httpx.AsyncClient, gates: Gates, gate: Gate, requests: list[Request]
    ) -> list[Drawn] | tuple[Trouble, str] | None:
        """Make one call, at the end of all also at an idle, quicker server; return the first answer."""
        if len(gates.gates) == 1:
            return await self._call(client, gate, requests)
        first = asyncio.ensure_future(self._call(client, gate, requests))
        offered, second = gates.offer(gate, len(requests)), first
        both: set[asyncio.Future[Any]] = {first, offered}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                second = asyncio.ensure_future(self._call(client, offered.result(), requests))
                done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
                if not any(isinstance(call.result(), list) for call in done):
                    await asyncio.wait({first, second})
            answers = [call.result() for call in (first, second) if call.done()]
            return next((answer for answer in answers if isinstance(answer, list)), answers[0])
        finally:
            first.cancel()
            second.cancel()
            gates.withdraw(offered)

    async def _call(
        self, client: httpx.AsyncClient, gate: Gate, requests: list[Request]
    ) -> list[Drawn] | tuple[Trouble, str] | None:
        """Make one call; return its choices, or the trouble and its reason; None to ask in another way."""
        path, body = make_body(requests, self.served_name, self._dialect)
        sent_at = time.monotonic()
        try:
            answer = await self._post(client, gate, path, body)
        except TimeoutError:
            gate.overloaded(sent_at)
            gate.failed(self._first_wait_s)
            return Trouble.TIMEOUT, f"no answer within {self._limit_s:g} s"
        except AnswerError as error:
            return error.trouble, str(error)
        except (httpx.HTTPError, ValueError) as error:
            gate.failed(self._first_wait_s)
            return Trouble.CUT_OFF, self._clean(f"{type(error).__name__}: {error}".strip(": "))
        if answer.status_code == 200:
            wall_s, keep_logprobs = time.monotonic() - sent_at, self._config.token_logprobs
            try:
                drawn = parse_answer(answer.content, requests, wall_s, "seed" in body, keep_logprobs)
            except AnswerError as error:
                return error.trouble, str(error)
            gate.succeeded(len(requests), wall_s)
            return drawn
        reason = f"HTTP {answer.status_code}: {self._clean(answer.text)}"
        if answer.status_code in REFUSED and not is_too_long(answer.text):
            raise SamplingError(f"{gate.url}: {REFUSED[answer.status_code].format(reason=reason)}")
        if answer.status_code in _OVERLOAD:
            gate.overloaded(sent_at, retry_after_s(answer.headers.get("Retry-After", "0")))
            gate.failed(self._first_wait_s)
        if answer.status_code in RETRIED:
            is_rate = answer.status_code == 429
            return (Trouble.RATE_LIMITED if is_rate else Trouble.SERVER_ERROR), reason
        if is_too_long(answer.text):
            return Trouble.TOO_LONG, reason
        learned = self._dialect.learn(answer.text, body)
        if not learned:
            return Trouble.REFUSED, reason
        self.asks_log_probs = "logprobs" not in self._dialect.left_out
        if learned not in self._learned:  # requests that were under way are refused for the same reason
            self._learned.add(learned)
            self._report(f"{self.model}: the server {learned} ({self._clean(answer.text)})")
        return None

    async def _post(
        self, client: httpx.AsyncClient, gate: Gate, path: str, body: dict[str, Any]
    ) -> httpx.Response:
        """Send a request, and wait for its answer as long as the server makes progress.

        Progress is an answer to any request, or tokens that vLLM counts in its metrics: a request that takes long,
        or waits in the queue of a busy server, is not aborted and sent again: that makes the queue longer.
        TimeoutError means that there was none within the time limit.
        """
        sent = asyncio.ensure_future(_post(client, f"{gate.url}{path}", body))
        n_tokens: float | None = None
        try:
            for _ in range(_MAX_LIMITS):
                n_answered = gate.n_answered
                done, _ = await asyncio.wait({sent}, timeout=self._limit_s)
                if done:
                    return sent.result()
                before, metrics = n_tokens, await read_metrics(client, gate.url)
                n_tokens = metrics.n_tokens if metrics is not None else None
                if gate.n_answered == n_answered and n_tokens in (None, before):
                    break
            raise TimeoutError
        finally:
            sent.cancel()

    async def _recover(self, url: str) -> bool:
        """Return whether a server was brought back, so that the try doesn't count; it isn't ours, so no."""
        return False

    def _clean(self, text: str) -> str:
        """Return the start of a text on one line, less the key: some servers repeat it."""
        text = " ".join(text.split())
        for value in self._headers.values():
            text = text.replace(value.removeprefix("Bearer "), "[key]")
        return text[:200]


def request_limit_s(max_tokens: int) -> float:
    """Return the seconds without progress until a request is given up."""
    return _LIMIT_S + max_tokens / _SLOWEST_TOKENS_PER_S


async def _post(client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> httpx.Response:
    """Return the answer to a body, read as it comes up to MAX_BODY_BYTES; a longer one is an AnswerError."""
    async with client.stream("POST", url, json=body) as answer:
        content = bytearray()
        async for part in answer.aiter_bytes():
            content += part
            if len(content) > MAX_BODY_BYTES:
                raise AnswerError(Trouble.NONSENSE, f"an answer of more than {MAX_BODY_BYTES >> 20} MiB")
    headers = [(name, value) for name, value in answer.headers.items() if name != "content-encoding"]
    return httpx.Response(answer.status_code, headers=headers, content=bytes(content))
