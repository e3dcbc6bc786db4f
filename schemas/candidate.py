"""Candidates (what a model wrote) and the programs extracted from them."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Candidate:
    """One completion that a model drew for a problem.

    Attributes:
        candidate_id: 32 hex digits: digest of model, revision, template, sampling parameters, seed, prompt
            and index. The same request always has the same id, whoever draws it.
        index: number of the draw for this problem, from 0.
        backend: transformers, vllm, openai or files.
        model: model name or folder name, as the configuration gave it; never an absolute path.
        revision: digest or commit of the model's weights; empty where unknown.
        template: name of the prompt template: `chat` or `continuation`.
        prompt: the text that the model was asked (chat: the user message).
        completion: raw text as drawn.
        temperature: 0.0 is greedy.
        seed: seed of this draw; -1 where the backend takes none.
        n_prompt_tokens: tokens of the prompt; -1 where unknown.
        n_tokens: tokens drawn; -1 where unknown.
        finish_reason: stop, length, or empty where unknown.
        mean_logprob: mean natural-log probability of the drawn tokens; None where unknown.
    """

    candidate_id: str
    problem_id: str
    index: int
    backend: str
    model: str
    revision: str
    template: str
    prompt: str
    completion: str
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    n_prompt_tokens: int
    n_tokens: int
    finish_reason: str
    mean_logprob: float | None


class Extraction(StrEnum):
    """What came of looking for code in a completion."""

    OK = "ok"
    NO_CODE = "no_code"
    SYNTAX_ERROR = "syntax_error"
    NO_ENTRY_POINT = "no_entry_point"


@dataclass(frozen=True, slots=True)
class Program:
    """The code of one candidate, ready to run.

    Attributes:
        extraction: only `ok` programs are run; the others fail with this as their cause.
        code: the whole program: what the entry point needs, no prose; empty for `no_code`.
        form: where the code was found: fenced, bare, continuation or none.
    """

    candidate_id: str
    problem_id: str
    extraction: Extraction
    form: str
    code: str
