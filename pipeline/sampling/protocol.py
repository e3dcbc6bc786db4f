"""What a backend of sampling takes and gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

from schemas.problem import Problem


@dataclass(frozen=True, slots=True)
class Opening:
    """How one problem is put to the model.

    Attributes:
        template: `chat`: the text is a user message and the model's own tokenizer applies the chat template;
            `continuation`: the text is code that the model goes on writing.
        text: the user message or the code.
    """

    template: Literal["chat", "continuation"]
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to draw.

    Attributes:
        candidate_id: 32 hex digits (see `pipeline.sampling.identity`).
        index: number of the draw for this problem, from 0.
        entry_point: function that the answer must define.
        temperature: 0.0 is greedy; -1.0 where unknown (samples from files).
        top_p: share of the probability that is drawn from, 0 < top_p <= 1; -1.0 where unknown.
        max_tokens: tokens at most; -1 where unknown.
        seed: seed of this draw, 0 <= seed < 2**31.
        stop: texts that end the completion; they and what follows are cut off.
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
    """

    request: Request
    completion: str
    n_prompt_tokens: int
    n_tokens: int
    finish_reason: Literal["stop", "length", ""]
    mean_logprob: float | None
    seed: int


class Sampler(Protocol):
    """A model, or a file of samples, that completions are drawn from."""

    @property
    def backend(self) -> str:
        """transformers, vllm, openai or files."""

    @property
    def model(self) -> str:
        """Name of the model as the configuration gives it; a folder's last name, never an absolute path."""

    @property
    def revision(self) -> str:
        """Digest or commit of the weights (adapter included) or of the file; empty where unknown."""

    def opening(self, problem: Problem, index: int) -> Opening | None:
        """Return how draw `index` of a problem is put to the model; None where there is no such sample."""

    def sample(self, requests: Sequence[Request]) -> Iterator[Drawn]:
        """Draw one completion a request, in any order; those that fail are left out and said.

        Raises:
            SamplingError: if the cause is not one request's (engine dead, key refused, server gone).
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
    """The context manager half of a sampler whose `close` has nothing to do."""

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
