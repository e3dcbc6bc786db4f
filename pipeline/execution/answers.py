"""Judges answers whose right label is known: from a completion to a label, as a build does it.

The corpus is `tests/answers/answers.jsonl`: each row is an answer to "add one", whose label follows from how the
row was made (see `tests/answers/make_corpus.py`), never from what this product says of it.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.run import packaged_folder
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.problem import Case, Interface, JudgedBy, Problem
from pairsmith.schemas.values import encode_value
from pairsmith.schemas.verdict import Verdict

_INPUTS = (1, 5, 41)


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """One row of the corpus; `label` is the right one."""

    kind: str
    name: str
    language: str
    interface: str
    answer: str
    label: str


def load_answers() -> list[KnownAnswer]:
    """Return the corpus.

    Raises:
        OSError: if it is not there.
    """
    path = packaged_folder("answers", "tests/answers") / "answers.jsonl"
    return [KnownAnswer(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def judge_answers(
    answers: Sequence[KnownAnswer],
    pool: SandboxPool,
    cache: Path | None = None,
    on_done: Callable[[int], None] = lambda n: None,
) -> list[Verdict]:
    """Return the verdict of each answer, in their order.

    Raises:
        SandboxError: if the sandbox stays broken.
        LanguageError: if a language's toolchain is missing there.
    """
    problems = {
        f"{row.language}/{row.interface}": _problem(row.language, Interface(row.interface)) for row in answers
    }
    programs = [
        extract_program(_candidate(place, row), problems[f"{row.language}/{row.interface}"])
        for place, row in enumerate(answers)
    ]
    executions = execute_programs(programs, problems, pool, on_done, cache)
    return [judge(problems[execution.problem_id], execution) for execution in executions]


def table_of(answers: Sequence[KnownAnswer], verdicts: Sequence[Verdict]) -> list[tuple[str, int, int, int, int]]:
    """Return a row a kind: its name, rows, right, undecided where a label is due, and wrong."""
    counts: dict[str, Counter[str]] = {}
    for row, verdict in zip(answers, verdicts, strict=True):
        is_right = verdict.label == row.label
        word = "right" if is_right else "undecided" if verdict.label == "undecided" else "wrong"
        counts.setdefault(row.kind, Counter())[word] += 1
    return [(kind, n.total(), n["right"], n["undecided"], n["wrong"]) for kind, n in counts.items()]


def _problem(language: str, interface: Interface) -> Problem:
    is_stdin = interface is Interface.STDIN
    cases = tuple(
        Case(f"{n}\n", f"{n + 1}\n", compare="tokens")
        if is_stdin
        else Case(encode_value([n]), encode_value(n + 1))
        for n in _INPUTS
    )
    return Problem(
        problem_id=f"{language}/{interface}", source="answers", language=language,
        entry_point="" if is_stdin else "f", prompt="Add one.", continuation="", setup="",
        judged_by=JudgedBy.CASES, cases=cases, test_code="", reference="", level="", topic="", license="",
        interface=interface,
    )  # fmt: skip


def _candidate(place: int, row: KnownAnswer) -> Candidate:
    return Candidate(
        candidate_id=f"{place:032x}", problem_id=f"{row.language}/{row.interface}", index=place, backend="files",
        model="corpus", revision="", template="chat", prompt="", completion=row.answer, temperature=0.0, top_p=1.0,
        max_tokens=-1, seed=-1, n_prompt_tokens=-1, n_tokens=-1, finish_reason="", mean_logprob=None,
    )  # fmt: skip
