"""What a backend of sampling takes, gives and raises, and the gate for numbers from outside.

What servers, engines and stored rows claim is checked before it is kept: a count of `10**30` breaks an int64
column, a log-probability of `NaN` or `1e999` poisons every mean. Python's JSON reader takes both. A row that fails
here is `nonsense`: a server is asked again, a stored row is drawn anew.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self

from pairsmith.pipeline.run.errors import InfrastructureError, PairsmithError
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config.sampling import MAX_TOKENS, SamplingConfig
from pairsmith.schemas.pair import Message
from pairsmith.schemas.problem import Problem

UNKNOWN_MAX_TOKENS = 4096  # where the context is unknown: every model that is served today takes it
Form = Literal["chat", "continuation", "as_is"]


class SamplingError(PairsmithError):
    """Samples can't be had: no such model or file, a server that refuses, a backend that isn't installed."""


class ServerDownError(SamplingError, InfrastructureError):
    """A server or an engine went down, or fails all requests for now."""


class NoSignatureError(SamplingError):
    """One problem can't be put to the model: it has no signature to continue."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How one problem is put to the model."""

    # form of the prompt. `chat`: messages, to which the model's own tokenizer applies its chat template;
    # `continuation`: code that the model goes on writing; `as_is`: code before a sample of a file which is run as
    # it stands (`sampling.as_is`)
    template: Form
    text: str  # the last user message, or the code
    name: str = ""  # name of the prompt template; empty where unknown
    context: tuple[Message, ...] = ()  # messages before the last one

    def messages(self) -> list[dict[str, str]]:
        """Return all messages as chat templates and servers take them."""
        last = Message("user", self.text)
        return [{"role": message.role, "content": message.content} for message in (*self.context, last)]


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to draw."""

    candidate_id: str  # 32 hex digits (see `pipeline.sampling.planning`)
    problem_id: str
    index: int  # number of the draw for this problem, from 0
    opening: Opening
    entry_point: str  # function that the answer must define; empty for a whole program
    temperature: float  # 0.0 is greedy; -1.0 where unknown (samples from files)
    top_p: float  # share of the probability that is drawn from, 0 < top_p <= 1; -1.0 where unknown
    max_tokens: int  # tokens at most; -1 where unknown
    seed: int  # seed of this draw, 0 <= seed < 2**31; draws that differ in nothing else have consecutive seeds
    stop: tuple[str, ...] = ()  # texts that end the completion; they and what follows are cut off
    number: int = 0  # number of the draw among those that differ in nothing else, from 0
    extra: str = ""  # further sampling parameters as canonical JSON (`sampling.extra`); empty for none


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of one request."""

    request: Request
    completion: str  # raw text; may be empty
    n_prompt_tokens: int  # -1 where unknown
    n_tokens: int  # tokens drawn, the end token included; -1 where unknown
    finish_reason: Literal["stop", "length", ""]  # stop, length, or empty where unknown
    # mean natural-log probability of the drawn tokens under the model itself (temperature 1, no top-p); None
    # where unknown
    mean_logprob: float | None
    seed: int  # seed that was used; -1 where the backend takes none
    token_logprobs: tuple[float, ...] = ()  # of each drawn token; empty unless asked for
    wall_s: float = 0.0  # seconds from the request to its answer
    reasoning: str = ""  # thoughts that a server gave apart from the completion; empty for none
    n_reasoning_tokens: int = -1  # tokens of thoughts among `n_tokens`; -1 where unknown


class Trouble(StrEnum):
    """Why a request gave no completion."""

    TOO_LONG = "too_long"  # prompt and completion exceed the model's context
    REFUSED = "refused"  # the server calls the request bad
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"  # 5xx
    CUT_OFF = "cut_off"  # no connection, or one that ended in mid-answer
    NONSENSE = "nonsense"  # an answer that isn't one of this API, or holds impossible numbers
    INVALID_UTF8 = "invalid_utf8"
    MISSING = "missing"  # fewer completions than asked for, again and again
    NO_SIGNATURE = "no_signature"  # nothing to continue


# What may be better next time: a run that is started again asks for these once more.
TRANSIENT = frozenset(
    {
        Trouble.TIMEOUT, Trouble.RATE_LIMITED, Trouble.SERVER_ERROR, Trouble.CUT_OFF, Trouble.NONSENSE,
        Trouble.INVALID_UTF8, Trouble.MISSING,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was given up."""

    request: Request
    trouble: Trouble
    reason: str  # one line for the user, without keys


class Sampler:
    """A model, or a file of samples, that completions are drawn from; closed when it is left as a context."""

    backend: str  # transformers, vllm, openai, openai-batch or files
    model: str  # name as the configuration gives it; a folder's last name, never an absolute path
    revision: str  # digest or commit of the weights (adapter included) or of the file; empty where unknown
    asks_log_probs: bool = False  # whether a stored sample without log-probabilities is drawn again
    has_chat: bool = True  # whether the model has a chat template; base models lack one

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Draw one completion a request, in any order; each request has one outcome.

        Requests are taken from the iterable as there is room for them, so that it may be endless or wait.

        Raises:
            SamplingError: if the cause is not one request's (engine dead, key refused, server gone). What was
                yielded before holds.
        """
        raise NotImplementedError

    def context(self) -> int | None:
        """Return the tokens of prompt and completion that the model takes together; None where unknown."""
        return None

    def revision_of(self, problem_id: str, number: int) -> str:
        """Return what a draw's identity holds of its source: `revision`, or, of a file, a digest of the sample."""
        return self.revision

    def stored(self, problem: Problem, number: int) -> Opening | None:
        """Return how the stored sample of this number was asked for; None past the last (files alone)."""
        return None

    def close(self) -> None:
        """Let go of the model; may be called twice."""

    def __enter__(self) -> Self:
        """Return the sampler."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the sampler."""
        self.close()


def answer_limit(config: SamplingConfig, context: int | None) -> int:
    """Return the tokens of one completion at most: what is configured, else half of `Sampler.context`."""
    if config.fixed_max_tokens is not None:
        return config.fixed_max_tokens
    return UNKNOWN_MAX_TOKENS if context is None else max(1, min(context // 2, MAX_TOKENS))


def group_requests(requests: Iterable[Request], n_most: Callable[[], int]) -> Iterator[tuple[Request, ...]]:
    """Yield runs of requests that differ only in their number, each at most `n_most()` long.

    Numbers in a row have seeds in a row (see `draw_seed`), which is how vLLM seeds the completions of one request.
    """
    run: list[Request] = []
    for request in requests:
        if run and (not _goes_on(run[-1], request) or len(run) >= n_most()):
            yield tuple(run)
            run = []
        run.append(request)
    if run:
        yield tuple(run)


def _goes_on(last: Request, request: Request) -> bool:
    return (
        (request.problem_id, request.number, request.opening) == (last.problem_id, last.number + 1, last.opening)
        and (request.temperature, request.top_p) == (last.temperature, last.top_p)
        and (request.max_tokens, request.stop, request.extra) == (last.max_tokens, last.stop, last.extra)
    )


MAX_COUNT = 2**31 - 1  # tokens; far above any context, far below what int64 holds
_ROUNDING = 1e-3  # servers that compute in bfloat16 give log-probabilities slightly above 0
_LEAST_LOGPROB = -1e6  # OpenAI writes -9999.0 for "very improbable"
_LEAST_SEED = -1  # the backend takes none


class NonsenseError(ValueError):
    """A number that can't be what it claims to be."""


def read_count(value: object, name: str) -> int:
    """Return a count of tokens in [0, 2**31), -1 where none was given; anything else is a NonsenseError."""
    if value is None:
        return -1
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise NonsenseError(f"{name} is not a count")
    return value


def read_logprob(value: object, name: str = "logprob") -> float:
    """Return a natural-log probability in [-1e6, 0], rounding above 0 cut off, else a NonsenseError."""
    if type(value) not in (int, float) or not _LEAST_LOGPROB <= value <= _ROUNDING:  # type: ignore[operator]
        raise NonsenseError(f"{name} is not a log-probability")
    return min(float(value), 0.0)  # type: ignore[arg-type]


def read_seconds(text: str) -> float:
    """Return seconds >= 0 that a server wrote as text; 0.0 where they are negative or not finite."""
    value = float(text)
    return value if math.isfinite(value) and value > 0.0 else 0.0


def check_row(row: Drawn | Candidate) -> None:
    """Check every number of a row, whichever backend or file gave it.

    Raises:
        NonsenseError: names the first field that is out of range or of the wrong type.
    """
    _check_counts(row, ("n_prompt_tokens", "n_tokens", "n_reasoning_tokens"))
    if isinstance(row, Candidate):  # a stored one, whose other fields no request of now has given
        _check_counts(row, ("index", "max_tokens"))
        if not (math.isfinite(row.temperature) and math.isfinite(row.top_p)):
            raise NonsenseError("temperature or top_p is not finite")
    if row.mean_logprob is not None:
        read_logprob(row.mean_logprob, "mean_logprob")
    for value in row.token_logprobs:
        read_logprob(value, "token_logprobs")
    if type(row.seed) is not int or not _LEAST_SEED <= row.seed <= MAX_COUNT:
        raise NonsenseError("seed is out of range")
    if type(row.wall_s) not in (int, float) or not 0.0 <= row.wall_s < math.inf:
        raise NonsenseError("wall_s is not a number of seconds")


def _check_counts(row: Drawn | Candidate, names: Sequence[str]) -> None:
    for name in names:
        value = getattr(row, name)
        read_count(None if type(value) is int and value == -1 else value, name)
