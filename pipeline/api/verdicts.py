"""What became of one completion, and of each case: the values that the API gives."""

from dataclasses import asdict, dataclass
from typing import Any

from pairsmith.pipeline.run.safe_text import shown_answer, shown_arguments, shown_expected
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.execution import Execution
from pairsmith.schemas.pair import Span
from pairsmith.schemas.problem import Interface, Problem
from pairsmith.schemas.verdict import Cause, Label
from pairsmith.schemas.verdict import Verdict as VerdictRow


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case of a problem, or one test of a suite, on one program.

    Attributes:
        arguments: of the call, as Python writes them; the text on standard input; or the name of the test.
        expected: what the case asks for, and by which rule; empty for tests.
        got: what the program answered, or how the call ended.
        passed: None where nothing is decided.
        seconds: wall time of the call; 0.0 for tests.
    """

    arguments: str
    expected: str
    got: str
    passed: bool | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one completion.

    Attributes:
        problem: what it was judged on.
        extracted: the program that was found in it, see `schemas.candidate.Program`.
        execution: what the program did.
        row: the label as the stage `verdicts` writes it.
    """

    problem: Problem
    extracted: Program
    execution: Execution
    row: VerdictRow

    @property
    def label(self) -> Label:
        """`passed`, `failed` or `undecided`; a broken sandbox is `undecided`."""
        return self.row.label

    @property
    def passed(self) -> bool | None:
        """Whether it passed; None where nothing is decided."""
        return None if self.label is Label.UNDECIDED else self.label is Label.PASSED

    @property
    def cause(self) -> Cause:
        """Why it did not pass; empty where it did."""
        return self.row.cause

    @property
    def detail(self) -> str:
        """An exception's type, or a line for a person."""
        return self.row.detail

    @property
    def n_cases(self) -> int:
        """Cases that were judged."""
        return self.row.n_cases

    @property
    def n_passed(self) -> int:
        """Cases that passed."""
        return self.row.n_passed

    @property
    def share(self) -> float | None:
        """Share of the cases that passed, in [0, 1]; None where nothing is decided."""
        return None if self.passed is None else self.n_passed / max(self.n_cases, 1)

    @property
    def program(self) -> str:
        """The program that was judged; empty where none was found."""
        return self.extracted.judged_as(self.row.program_form).code

    @property
    def block(self) -> tuple[Span, ...]:
        """The parts of the completion that the program was taken from."""
        return self.extracted.judged

    @property
    def seconds(self) -> float:
        """Wall time of the program, from its start to its end."""
        return self.execution.wall_s

    @property
    def cases(self) -> tuple[CaseResult, ...]:
        """Each case with what was expected and what came; tests of a suite; none for a tester's code."""
        problem, run = self.problem, self.execution
        if run.tests:
            return tuple(
                CaseResult(test.name, "", test.outcome, test.outcome == "passed", 0.0) for test in run.tests
            )
        is_plain = problem.interface is Interface.STDIN
        runs = [*run.runs, *[None] * len(problem.cases)]
        passed = [*self.row.passed_cases, *[None] * len(problem.cases)]
        return tuple(
            CaseResult(
                shown_arguments(case.arguments, is_plain=is_plain),
                shown_expected(case, is_plain=is_plain),
                shown_answer(one, is_plain=is_plain),
                is_right,
                one.wall_s if one is not None else 0.0,
            )
            for case, one, is_right in zip(problem.cases, runs, passed, strict=False)
        )

    @property
    def failed_case(self) -> CaseResult | None:
        """The first case that failed; None where none did."""
        return next((case for case in self.cases if case.passed is False), None) if self.passed is False else None

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values, for JSON."""
        return {
            "problem_id": self.problem.problem_id,
            "passed": self.passed,
            "label": str(self.label),
            "cause": str(self.cause),
            "detail": self.detail,
            "n_cases": self.n_cases,
            "n_passed": self.n_passed,
            "seconds": self.seconds,
            "program": self.program,
            "program_form": self.row.program_form,
            "block": [[span.start, span.end] for span in self.block],
            "n_blocks": self.row.n_blocks,
            "cases": [asdict(case) for case in self.cases],
        }
