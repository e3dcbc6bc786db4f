"""Records for the tests of pairing and scoring: everything that a test does not name has a plain value."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.pairing.pairs import PairingResult, make_pairs
from pairsmith.pipeline.pairing.tables import PairingTables, tables_of_records
from pairsmith.schemas.arrow import from_table
from pairsmith.schemas.candidate import Candidate, Extraction, Program, Syntax
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.problem import JudgedBy, Problem
from pairsmith.schemas.verdict import CandidateCrosscheck, Cause, Label, ProblemCrosscheck, Verdict


@dataclass(frozen=True)
class Judged:
    """One candidate with its program, verdict and syntax."""

    candidate: Candidate
    program: Program
    verdict: Verdict
    syntax: Syntax


@dataclass(frozen=True)
class Made:
    """Pairs as records, what was dropped, and the whole result."""

    pairs: tuple[Pair, ...]
    dropped: dict[Drop, int]
    whole: PairingResult


def pair_up(
    rows: Sequence[Judged],
    config: PairsConfig,
    problems: Sequence[Problem] | None = None,
    seed: int = 0,
    standings: Sequence[CandidateCrosscheck] = (),
    weak: Sequence[ProblemCrosscheck] = (),
    without_syntax: Collection[str] = (),
) -> Made:
    tables = tables_of(
        [problem()] if problems is None else problems,
        rows,
        syntax=[row.syntax for row in rows if row.candidate.candidate_id not in without_syntax],
        standings=standings,
        problem_standings=weak,
    )
    made = make_pairs(tables, config, seed)
    return Made(tuple(from_table(made.pairs.to_arrow(), Pair)), dict(made.dropped), made)


def tables_of(problems: Sequence[Problem], rows: Sequence[Judged], **more: Sequence[Any]) -> PairingTables:
    return tables_of_records(
        **{
            "problems": problems,
            "candidates": [row.candidate for row in rows],
            "programs": [row.program for row in rows],
            "verdicts": [row.verdict for row in rows],
            "syntax": [row.syntax for row in rows],
            **more,
        }
    )


def problem(problem_id: str = "p/1", **changes: Any) -> Problem:
    values: dict[str, Any] = {
        "problem_id": problem_id,
        "source": "starter",
        "language": "python",
        "entry_point": "f",
        "prompt": f"Write f for {problem_id}.",
        "continuation": "",
        "setup": "",
        "judged_by": JudgedBy.CASES,
        "cases": (),
        "test_code": "",
        "reference": "",
        "level": "easy",
        "topic": "strings",
        "license": "",
    }
    return Problem(**{**values, **changes})


def judged(
    name: str,
    label: Label = Label.PASSED,
    *,
    problem_id: str = "p/1",
    cause: Cause | None = None,
    code: str | None = None,
    signature: str | None = None,
    **changes: Any,
) -> Judged:
    """Return a candidate whose code, text and behaviour are its own unless told otherwise."""
    failed_cause = Cause.WRONG_VALUE if label is Label.FAILED else Cause.NONE
    cause = failed_cause if cause is None else cause
    extractions = {Cause.NO_CODE: Extraction.NO_CODE, Cause.SYNTAX_ERROR: Extraction.SYNTAX_ERROR}
    code = f"def f(x):\n    return {name}" if code is None else code
    tables: tuple[tuple[type, dict[str, Any]], ...] = (
        (Candidate, _candidate_values(f"Here it is:\n```python\n{code}\n```\n")),
        (Program, {"extraction": extractions.get(cause, Extraction.OK), "form": "fenced", "code": code}),
        (Verdict, _verdict_values(label, cause, f"does {name}" if signature is None else signature)),
        (Syntax, _syntax_values(f"exact {code}", f"renamed {code}", name)),
    )
    rows = [
        record(
            candidate_id=name,
            problem_id=problem_id,
            **{key: changes.pop(key, value) for key, value in values.items()},
        )
        for record, values in tables
    ]
    assert not changes, f"no such fields: {sorted(changes)}"
    return Judged(*rows)


def _candidate_values(completion: str) -> dict[str, Any]:
    return {
        "index": 0,
        "backend": "transformers",
        "model": "smollm2",
        "revision": "",
        "template": "chat",
        "prompt": "Write f.",
        "completion": completion,
        "temperature": 0.8,
        "top_p": 0.95,
        "max_tokens": 192,
        "seed": 1,
        "n_prompt_tokens": 5,
        "n_tokens": 20,
        "finish_reason": "stop",
        "mean_logprob": -0.5,
    }


def _verdict_values(label: Label, cause: Cause, signature: str) -> dict[str, Any]:
    passed = label is Label.PASSED
    return {
        "label": label,
        "cause": cause,
        "detail": "",
        "n_cases": 4,
        "n_passed": 4 if passed else 1,
        "passed_cases": (True,) * 4 if passed else (True, False, False, False),
        "signature": "same" if passed else signature,
    }


def _syntax_values(exact: str, renamed: str, name: str) -> dict[str, Any]:
    return {
        "parsed": True,
        "exact": exact,
        "renamed": renamed,
        "duplicate_of": "",
        "duplicate_rule": "",
        "cluster": name,
        "tags": ("early_return", "loop"),
        "n_tokens": 10,
        "n_lines": 2,
        "max_line_length": 20,
        "n_functions": 1,
        "nesting_depth": 0,
        "cyclomatic": 1,
        "comment_share": 0.0,
        "quality_readability": None,
        "quality_style": None,
    }
