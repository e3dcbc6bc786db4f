"""What a backend of sampling takes, gives and raises."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Literal, Protocol, Self

from pairsmith.pipeline.run.errors import InfrastructureError, PairsmithError
from pairsmith.schemas.pair import Message
from pairsmith.schemas.problem import Problem

Form = Literal["chat", "continuation", "as_is"]


class SamplingError(PairsmithError):
    """Samples can't be had: no such model or file, a server that refuses, a backend that isn't installed."""


class ServerDownError(SamplingError, InfrastructureError):
    """A server or an engine went down, or fails all requests for now."""


class NoSignatureError(SamplingError):
    """One problem can't be put to the model: it has no signature to continue."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How one problem is put to the model.

    Attributes:
        template: form of the prompt. `chat`: messages, to which the model's own tokenizer applies its chat
            template; `continuation`: code that the model goes on writing; `as_is`: code before a sample of a file
            which is run as it stands (`sampling.as_is`).
        text: the last user message, or the code.
        name: name of the prompt template; empty where unknown.
        context: messages before the last one.
    """

    template: Form
    text: str
    name: str = ""
    context: tuple[Message, ...] = ()

    def messages(self) -> list[dict[str, str]]:
        """Return all messages as chat templates and servers take them."""
        last = Message("user", self.text)
        return [{"role": message.role, "content": message.content} for message in (*self.context, last)]


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to draw.

    Attributes:
        candidate_id: 32 hex digits (see `pipeline.sampling.planning`).
        index: number of the draw for this problem, from 0.
        entry_point: function that the answer must define; empty for a whole program.
        temperature: 0.0 is greedy; -1.0 where unknown (samples from files).
        top_p: share of the probability that is drawn from, 0 < top_p <= 1; -1.0 where unknown.
        max_tokens: tokens at most; -1 where unknown.
        seed: seed of this draw, 0 <= seed < 2**31; draws that differ in nothing else have consecutive seeds.
        stop: texts that end the completion; they and what follows are cut off.
        number: number of the draw among those that differ in nothing else, from 0.
        extra: further sampling parameters as canonical JSON (`sampling.extra`); empty for none.
    """

    candidate_id: str
    problem_id: str
    index: int
    opening: Opening
    entry_point: str
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    stop: tuple[str, ...] = ()
    number: int = 0
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of one request.

    Attributes:
        completion: raw text; may be empty.
        n_prompt_tokens: -1 where unknown.
        n_tokens: tokens drawn, the end token included; -1 where unknown.
        finish_reason: stop, length, or empty where unknown.
        mean_logprob: mean natural-log probability of the drawn tokens under the model itself (temperature 1,
            no top-p); None where unknown.
        seed: seed that was used; -1 where the backend takes none.
        token_logprobs: of each drawn token; empty unless asked for.
        wall_s: seconds from the request to its answer.
        reasoning: thoughts that a server gave apart from the completion; empty for none.
        n_reasoning_tokens: tokens of thoughts among `n_tokens`; -1 where unknown.
    """

    request: Request
    completion: str
    n_prompt_tokens: int
    n_tokens: int
    finish_reason: Literal["stop", "length", ""]
    mean_logprob: float | None
    seed: int
    token_logprobs: tuple[float, ...] = ()
    wall_s: float = 0.0
    reasoning: str = ""
    n_reasoning_tokens: int = -1


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
    ENGINE = "engine"  # vLLM's engine refused the request and goes on


# What may be better next time: a run that is started again asks for these once more.
TRANSIENT = frozenset(
    {
        Trouble.TIMEOUT, Trouble.RATE_LIMITED, Trouble.SERVER_ERROR, Trouble.CUT_OFF, Trouble.NONSENSE,
        Trouble.INVALID_UTF8, Trouble.MISSING,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was given up.

    Attributes:
        reason: one line for the user, without keys.
    """

    request: Request
    trouble: Trouble
    reason: str


class Sampler(Protocol):
    """A model, or a file of samples, that completions are drawn from."""

    @property
    def backend(self) -> str:
        """transformers, vllm, vllm-server, openai or files."""

    @property
    def model(self) -> str:
        """Name of the model as the configuration gives it; a folder's last name, never an absolute path."""

    @property
    def revision(self) -> str:
        """Digest or commit of the weights (adapter included) or of the file; empty where unknown."""

    @property
    def has_chat(self) -> bool:
        """Whether the model has a chat template; base models lack one."""

    def revision_of(self, problem_id: str, number: int) -> str:
        """Return what a draw's identity holds of its source: `revision`, or, of a file, a digest of the sample."""

    def stored(self, problem: Problem, number: int) -> Opening | None:
        """Return how the stored sample of this number was asked for; None past the last (files alone)."""

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Draw one completion a request, in any order; each request has one outcome.

        Requests are taken from the iterable as there is room for them, so that it may be endless or wait.

        Raises:
            SamplingError: if the cause is not one request's (engine dead, key refused, server gone). What was
                yielded before holds.
        """

    def close(self) -> None:
        """Let go of the model; may be called twice."""

    def __enter__(self) -> Self:
        """Return the sampler."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the sampler."""


class ClosingSampler:
    """The context manager half of a sampler whose `close` has nothing to do, and which stores nothing."""

    has_chat: bool = True
    revision: str

    def revision_of(self, problem_id: str, number: int) -> str:
        """Return the revision: all draws of a model share it."""
        return self.revision

    def stored(self, problem: Problem, number: int) -> Opening | None:
        """Return None: nothing is stored."""
        return None

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        """Return the sampler."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the sampler."""
        self.close()


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
