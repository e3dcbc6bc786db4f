"""Sampling from any OpenAI-compatible server: `vllm serve`, SGLang, llama.cpp, hosted ones."""

import asyncio
import email.utils
import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import httpx

from pairsmith.pipeline.sampling.concurrency import FIRST, ClientLoop, Gate, Gates
from pairsmith.pipeline.sampling.numbers import read_seconds
from pairsmith.pipeline.sampling.openai_api import AnswerError, Dialect, is_too_long, make_body, parse_answer
from pairsmith.pipeline.sampling.protocol import (
    ClosingSampler,
    Drawn,
    Failure,
    Request,
    SamplingError,
    Trouble,
    group_requests,
)
from pairsmith.schemas.config.sampling import SamplingConfig

MAX_TRIES = 6
FIRST_WAIT_S = 1.0  # doubled at each try, so 1 + 2 + 4 + 8 + 16 = 31 s for a server to come back
LONGEST_WAIT_S = 60.0
LONGEST_RETRY_AFTER_S = 600.0
N_OWN_500 = 3  # HTTP 500 for one request while others are answered: the request's own fault, not the server's
_AHEAD = 2  # completions that are ready, for each that is drawn
_SHORT_ANSWERS = 3  # answers with fewer choices than asked for, until no more are asked for at once
_REFUSED_N = 2  # requests that were taken with n = 1 alone, until none is asked with more
_OVERLOAD = frozenset({429, 502, 503, 504, 529})
_RETRIED = _OVERLOAD | {408, 409, 425, 500}
_REFUSED = {401: "the key is refused", 403: "the key may not use this", 404: "no such model or address"}
_LIMIT_S = 120.0  # for the prompt, the server's queue and the first tokens
_SLOWEST_TOKENS_PER_S = 5.0  # of one completion; a full batch of a large model makes 10 to 30
_DEFAULT_URL = "http://127.0.0.1:8000/v1"


@dataclass(slots=True)
class _Group:
    """Requests of one prompt, while they are asked for.

    Attributes:
        left: requests without an outcome.
        n_most: completions asked for at once; 1 once the server refused this prompt with more.
        n_own_500: HTTP 500 that this prompt got while the server answered others.
    """

    left: list[Request]
    n_most: int
    outcomes: list[Drawn | Failure] = field(default_factory=list)
    tries: int = 0
    n_own_500: int = 0
    last_500: dict[str, int] = field(default_factory=dict)  # answers of a server at the last 500, by its address

    def fail(self, trouble: Trouble, reason: str) -> list[Drawn | Failure]:
        """Give up on what is left; return all outcomes."""
        return [*self.outcomes, *(Failure(request, trouble, reason) for request in self.left)]

    def is_to_blame(self, gate: Gate) -> bool:
        """Count an HTTP 500; return whether the server answers others and fails this prompt again and again."""
        before = self.last_500.get(gate.url)
        self.last_500[gate.url] = gate.n_answered
        if before is not None and gate.n_answered > before:
            self.n_own_500 += 1
        return self.n_own_500 >= N_OWN_500 - 1


class OpenAISampler(ClosingSampler):
    """Servers of one model. The key is sent to them and appears in no message."""

    backend = "openai"

    def __init__(
        self,
        config: SamplingConfig,
        api_key: str | None,
        report: Callable[[str], None],
        first_wait_s: float = FIRST_WAIT_S,
        first_concurrency: int = FIRST,
        limit_s: float | None = None,
    ) -> None:
        """Make a sampler; nothing is sent yet.

        Args:
            config: `base_url`, `model`, `revision`, `concurrency`, `n_per_request`, `max_tokens` and
                `token_logprobs` are used.
            api_key: sent as bearer token; None sends none.
            report: takes a line for the user.
            first_wait_s: seconds before the second try, doubled at each further one.
            first_concurrency: completions drawn at a time by one server in the beginning.
            limit_s: seconds until a request is given up; None takes `request_limit_s`.

        Raises:
            SamplingError: if an address is none.
        """
        self.model = self.served_name = config.model
        self.urls = tuple(_checked_url(url) for url in config.base_url)
        self.revision = config.revision or _name_servers(self.urls)
        self._config, self._report, self._first_wait_s = config, report, first_wait_s
        self._first_concurrency = first_concurrency
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._dialect, self._learned = Dialect(), set[str]()
        self._limit_s = limit_s or request_limit_s(config.max_tokens)
        self._n_most, self._n_short, self._n_refused_n = config.n_per_request, 0, 0

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Draw completions, as they come in; those that the servers can't fill are failures.

        Raises:
            SamplingError: if the key or the model is refused.
        """
        groups = group_requests(requests, lambda: self._n_most)
        with ClientLoop(self._client) as loop:
            n_open, is_more = 0, True
            while True:
                while is_more and n_open < _AHEAD * loop.room():
                    group = next(groups, None)
                    if group is None:
                        is_more = False
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

    def _client(self) -> tuple[httpx.AsyncClient, Gates]:
        limit_s = self._limit_s
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
        """Ask for some completions, again after what may pass; one outcome a request.

        Raises:
            SamplingError: if the server refuses the key or the model.
        """
        group = _Group(list(requests), self._n_most)
        # Jitter needs no repeatable seed, but a seed of its own keeps the module's state untouched.
        jitter = random.Random(requests[0].candidate_id)
        trouble, reason = Trouble.MISSING, "no answer"
        while group.left and group.tries < MAX_TRIES:
            asked = group.left[: min(group.n_most, self._n_most)]
            gate = await gates.enter(len(asked))
            try:
                answered = await self._call(client, gate, asked)
            finally:
                await gates.leave(gate, len(asked))
            if isinstance(answered, list):
                if answered:
                    self._take(group, answered, len(asked))
                    continue
                trouble, reason = Trouble.MISSING, "no choices in the answer"
            elif answered is None:  # asked in another way from now on
                continue
            else:
                trouble, reason = answered
                if trouble is Trouble.REFUSED and len(asked) > 1:  # perhaps the server takes no n
                    group.n_most = 1
                    continue
                if trouble in (Trouble.TOO_LONG, Trouble.REFUSED):
                    return group.fail(trouble, reason)
                if reason.startswith("HTTP 500") and group.is_to_blame(gate):
                    return group.fail(Trouble.REFUSED, f"{reason} ({N_OWN_500} times, while others were answered)")
                if await self._recover(gate.url, trouble):
                    continue
            group.tries += 1
            if group.tries < MAX_TRIES:
                wait_s = min(self._first_wait_s * 2 ** (group.tries - 1), LONGEST_WAIT_S)
                await asyncio.sleep(wait_s * jitter.uniform(0.5, 1.0))
        return group.fail(trouble, f"{reason} (tried {MAX_TRIES} times)")

    def _take(self, group: _Group, answered: list[Drawn], n_asked: int) -> None:
        """Take what a call brought, and learn how many completions the server gives at once."""
        group.outcomes += answered
        group.left = group.left[len(answered) :]
        group.tries = 0
        if n_asked == 1:
            if group.n_most == 1 < self._n_most and len(group.outcomes) == 1:
                self._n_refused_n += 1
                if self._n_refused_n >= _REFUSED_N:
                    self._n_most = 1
                    self._report(f"{self.model}: the server takes no `n`; asking for one completion at a time")
            return
        self._n_refused_n = 0
        if group.left and len(answered) < n_asked:
            self._n_short += 1
            if self._n_short >= _SHORT_ANSWERS:
                self._n_most = max(1, min(len(answered), self._n_most))

    async def _call(
        self, client: httpx.AsyncClient, gate: Gate, requests: list[Request]
    ) -> list[Drawn] | tuple[Trouble, str] | None:
        """Make one call; return its choices, or the trouble and its reason; None to ask in another way."""
        path, body = make_body(requests, self.served_name, self._dialect)
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(self._limit_s):
                answer = await client.post(f"{gate.url}{path}", json=body)
        except TimeoutError:
            gate.overloaded(sent_at)
            return Trouble.TIMEOUT, f"no answer within {self._limit_s:g} s"
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
        learned = self._dialect.learn(answer.text, body)
        if not learned:
            return Trouble.REFUSED, reason
        if learned not in self._learned:  # requests that were under way are refused for the same reason
            self._learned.add(learned)
            self._report(f"{self.model}: the server {learned} ({self._clean(answer.text)})")
        return None

    def _parse(
        self, content: bytes, requests: list[Request], wall_s: float, sent_seed: bool, gate: Gate
    ) -> list[Drawn] | tuple[Trouble, str]:
        try:
            drawn = parse_answer(content, requests, wall_s, sent_seed, self._config.token_logprobs)
        except AnswerError as error:
            return error.trouble, str(error)
        gate.succeeded(sum(max(completion.n_tokens, 1) for completion in drawn), len(requests))
        return drawn

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


def request_limit_s(max_tokens: int) -> float:
    """Return the seconds until a request is given up: they grow with the tokens that it may take."""
    return _LIMIT_S + max_tokens / _SLOWEST_TOKENS_PER_S


def _name_servers(urls: tuple[str, ...]) -> str:
    """Return what stands for the weights behind some addresses where `sampling.revision` doesn't name them.

    The same name behind another address may be another model. The digest tells them apart without publishing a
    host's name; the default address has none, so that its samples stay those of older versions.
    """
    if urls == (_DEFAULT_URL,):
        return ""
    return f"server-{hashlib.sha256(' '.join(sorted(urls)).encode()).hexdigest()[:12]}"


def _checked_url(address: str) -> str:
    url = httpx.URL(address.rstrip("/"))
    if url.scheme not in ("http", "https") or not url.host:
        raise SamplingError(f"sampling.base_url={address}: write it like http://127.0.0.1:8000/v1")
    return str(url)


def _retry_after_s(answer: httpx.Response) -> float:
    """Return the seconds that a server asks to wait, in seconds or as a date; 0.0 where it doesn't."""
    header = answer.headers.get("Retry-After", "0")
    try:
        wait_s = read_seconds(header)
    except ValueError:
        try:
            wait_s = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)
