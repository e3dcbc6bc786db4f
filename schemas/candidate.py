"""Candidates (what a model wrote), the programs extracted from them, and what tree-sitter sees in a program."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from pairsmith.schemas.pair import Message, Span


@dataclass(frozen=True, slots=True)
class Candidate:
    """One completion that a model drew for a problem.

    Attributes:
        candidate_id: 32 hex digits: digest of model, revision, template, sampling parameters, seed, prompt
            and number of the draw (see `pipeline.sampling.planning`). The same request always has the same id,
            whichever run draws it.
        index: number of the draw for this problem, from 0.
        backend: transformers, vllm, openai or files.
        model: model name or folder name, as the configuration gave it; never an absolute path.
        revision: digest or commit of the model's weights; empty where unknown.
        template: form of the prompt: `chat`, `continuation`, or `as_is` for samples that are run unchanged.
        prompt: the text that the model was asked (chat: the last user message).
        completion: raw text as drawn.
        temperature: 0.0 is greedy.
        seed: seed of this draw; -1 where the backend takes none.
        n_prompt_tokens: tokens of the prompt; -1 where unknown.
        n_tokens: tokens drawn; -1 where unknown.
        finish_reason: stop, length, or empty where unknown.
        mean_logprob: mean natural-log probability of the drawn tokens; None where unknown.
        prompt_template: name of the template that wrote the prompt, such as `instruct`; empty where unknown.
        context: messages before `prompt` (system message, worked examples); empty for most templates.
        is_on_policy: whether the model that training starts from drew it.
        token_logprobs: natural-log probability of each drawn token; empty unless asked for.
        wall_s: seconds from the request to its answer, those in the model's batch included; 0.0 where unknown.
        extra: further sampling parameters as canonical JSON (`sampling.extra`); empty for none.
        reasoning: what a server gave as the model's thoughts, apart from the completion; empty for none.
        n_reasoning_tokens: tokens of the thoughts, part of `n_tokens`, as the server counts them; -1 where
            unknown.
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
    prompt_template: str = ""
    context: tuple[Message, ...] = ()
    is_on_policy: bool = False
    token_logprobs: tuple[float, ...] = ()
    wall_s: float = field(default=0.0, metadata={"measured": True})
    extra: str = ""
    reasoning: str = ""
    n_reasoning_tokens: int = -1


class Extraction(StrEnum):
    """What came of looking for code in a completion."""

    OK = "ok"
    NO_CODE = "no_code"
    SYNTAX_ERROR = "syntax_error"
    NO_ENTRY_POINT = "no_entry_point"
    NO_ANSWER = "no_answer"
    """Only thoughts: the last one was never closed, or nothing follows it."""
    AMBIGUOUS = "ambiguous_answer"
    """The answer changes its own program in a later block, or defines it twice between prose."""


@dataclass(frozen=True, slots=True, order=True)
class OtherBlock:
    """Another program of an answer that has several: see `Program.code` and `Program.pruned`."""

    code: str
    pruned: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """The code of one candidate, ready to run.

    Attributes:
        extraction: only `ok` programs are run; the others fail with this as their cause, but `ambiguous_answer` is
            undecided.
        code: the whole program as the model wrote it, no prose; empty for `no_code`.
        form: where the code was found: fenced, bare, continuation, as_is or none.
        pruned: what the entry point needs of `code`, run where loading `code` fails; empty where it is the same.
        other_blocks: whole programs of the other blocks that answer differently, all of them judged.
        judged: the parts of the completion that `code` was taken from, in order.
        thoughts: the parts of the completion that are thoughts, never judged.
        method_of: class whose method stands for the entry point; empty where a function does, as asked.
        is_joined: whether `code` is made of several blocks.
    """

    candidate_id: str
    problem_id: str
    extraction: Extraction
    form: str
    code: str
    pruned: str = ""
    other_blocks: tuple[OtherBlock, ...] = ()
    judged: tuple[Span, ...] = ()
    thoughts: tuple[Span, ...] = ()
    method_of: str = ""
    is_joined: bool = False

    def judged_as(self, program_form: str) -> "Program":
        """Return the program that was judged: `code`, or the pruned form where that ran."""
        return replace(self, code=self.pruned) if program_form == "pruned" and self.pruned else self


@dataclass(frozen=True, slots=True)
class Syntax:
    """Syntax of one program.

    Attributes:
        parsed: whether the program parses without an error. Others have only an exact fingerprint.
        parse_status: parsed, syntax_error, too_long or null_bytes.
        exact: 32 hex digits over the token stream and the shape of the tree, comments and white space left out.
        plain: the same with docstrings left out and quotes alike; empty unless parsed, as the next ones.
        renamed: that with local names replaced by their order of binding.
        duplicate_of: candidate_id of the representative this one repeats; empty for none.
        duplicate_rule: exact, plain or renamed: the least that must be left out to make both equal; else empty.
        cluster: candidate_id of the representative of its near-duplicate cluster (itself where it is alone).
        contaminated_by: item of a benchmark that has the same program, such as `HumanEval/12`; empty for none.
        tags: style tags, sorted; the closed list is `pipeline.syntax.tags.TAGS`.
        n_tokens: tokens without comments.
        n_lines: lines that hold code.
        max_line_length: characters of the longest line.
        n_functions: function definitions, nested ones included, lambdas excluded.
        max_function_lines: lines of the longest function.
        nesting_depth: deepest nesting of compound statements in a function; 0 for none.
        loop_depth: deepest nesting of loops in a function.
        cyclomatic: cyclomatic complexity of the whole program, McCabe 1976: decisions + 1.
        cognitive: cognitive complexity of the whole program, Campbell 2018.
        comment_share: comment lines over all lines that are not blank, in [0, 1].
        volume: Halstead's volume, bits.
        entropy: of the tokens, bits.
        one_letter_share: share of the names of parameters and variables that are one letter long, in [0, 1].
        documented_share: share of the functions that have documentation, in [0, 1]; 1.0 without any function.
        lint: what the linter found, `rule=count`, sorted; empty where it wasn't asked.
        quality_instruction, quality_explanation, quality_complexity, quality_readability, quality_style: see
            `pipeline.syntax.quality`, in [0, 1]; None where they can't be computed.
        quality: their weighted mean, in [0, 1]; None without any.
    """

    candidate_id: str
    problem_id: str
    parsed: bool
    exact: str
    renamed: str
    duplicate_of: str
    duplicate_rule: str
    cluster: str
    tags: tuple[str, ...]
    n_tokens: int
    n_lines: int
    max_line_length: int
    n_functions: int
    nesting_depth: int
    cyclomatic: int
    comment_share: float
    parse_status: str = "parsed"
    plain: str = ""
    contaminated_by: str = ""
    max_function_lines: int = 0
    loop_depth: int = 0
    cognitive: int = 0
    volume: float = 0.0
    entropy: float = 0.0
    one_letter_share: float = 0.0
    documented_share: float = 0.0
    lint: tuple[str, ...] = ()
    quality_instruction: float | None = None
    quality_explanation: float | None = None
    quality_complexity: float | None = None
    quality_readability: float | None = None
    quality_style: float | None = None
    quality: float | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """A program that is nearly like one of another problem.

    Attributes:
        cluster: number of the near-duplicate cluster, equal for programs that near edges connect.
        split: of its problem's pairs, train or test; empty where it makes none.
    """

    candidate_id: str
    problem_id: str
    split: str
    cluster: int
