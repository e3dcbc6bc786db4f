"""Gives the label: from how a program ended and from what its values are against the expected ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pairsmith.pipeline.judging.equality import ACCEPTED, REFUSED, has_own_equality, matches
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.execution import CaseRun, Execution, Status
from pairsmith.schemas.problem import JudgedBy, Problem
from pairsmith.schemas.verdict import Cause, Label, Verdict

_CAUSES = {
    Status.EXCEPTION: Cause.EXCEPTION, Status.EXITED: Cause.EXITED, Status.TIMEOUT: Cause.TIMEOUT,
    Status.MEMORY: Cause.MEMORY, Status.OUTPUT_LIMIT: Cause.OUTPUT_LIMIT, Status.FORGED: Cause.FORGED,
    Status.COMPILE_ERROR: Cause.COMPILE_ERROR, Status.MISSING: Cause.MISSING_ENTRY_POINT,
    Status.FAULT: Cause.SANDBOX_FAULT,
}  # fmt: skip
EXTRACTION_CAUSES: Mapping[str, Cause] = {
    Extraction.NO_CODE: Cause.NO_CODE, Extraction.NO_ANSWER: Cause.NO_ANSWER,
    Extraction.SYNTAX_ERROR: Cause.SYNTAX_ERROR, Extraction.NO_ENTRY_POINT: Cause.MISSING_ENTRY_POINT,
}  # fmt: skip
# Exceptions of test code that no answer of a candidate causes.
_TESTS_OWN = frozenset({"NameError", "ImportError", "ModuleNotFoundError", "SyntaxError", "UnboundLocalError"})
MISSING = "missing package: "  # how a compiler's complaint about an import begins (see `languages.jobs`)
UNKNOWN = "unknown signature: "  # how a signature is named whose values the language's driver can't carry
_NO_MODULE = "ModuleNotFoundError."
_UNSETTLED = '"unsettled"'  # what the driver of JavaScript says where a promise of the tests never settled
_ABORTED = "signal 6"  # how an assertion of C and C++ ends a program
_WITHOUT_CASES = (JudgedBy.TESTER, JudgedBy.SUITE, JudgedBy.IN_PROCESS)


def judge(problem: Problem, execution: Execution) -> Verdict:
    """Return the label of one candidate; its answer may contain several programs.

    Where several different blocks answer and their labels agree, that label is certain; else the candidate is
    `undecided` (`ambiguous_answer`).
    """
    verdicts = [_judge_program(problem, part) for part in execution.of_blocks()]
    first = replace(verdicts[0], n_blocks=len(verdicts))
    if all(verdict.label is first.label for verdict in verdicts):
        return first
    labels = ", ".join(str(verdict.label) for verdict in verdicts[1:] + verdicts[:1])
    cause = next(
        (verdict.cause for verdict in verdicts if verdict.label is Label.UNDECIDED), Cause.AMBIGUOUS_ANSWER
    )
    return replace(
        first,
        label=Label.UNDECIDED,
        cause=cause,
        detail=f"blocks: {labels}",
        n_cases=0,
        n_passed=0,
        passed_cases=(),
    )


def missing_package(execution: Execution) -> str:
    """Return the package that a program imports and the sandbox does not have; empty for none."""
    if execution.status is Status.COMPILE_ERROR:
        return execution.detail.removeprefix(MISSING) if execution.detail.startswith(MISSING) else ""
    raised = [execution.exception, *(run.exception for run in execution.runs)]
    return next((name.partition(".")[2] for name in raised if name.startswith(_NO_MODULE)), "")


def _judge_program(problem: Problem, execution: Execution) -> Verdict:
    """Return the label of one program.

    A sandbox fault, a second run that behaved otherwise, a case that was not run without a reason of the
    program's own, and a problem without cases or usable tests give `undecided`; they never pass and never fail.
    """
    if Status.FAULT in (execution.status, *(run.status for run in execution.runs)):
        return _verdict(execution, Label.UNDECIDED, Cause.SANDBOX_FAULT, execution.detail, ())
    if not problem.cases and problem.judged_by not in _WITHOUT_CASES:
        return _verdict(execution, Label.UNDECIDED, Cause.NO_CASES, "", ())
    if execution.status is Status.NOT_RUN:
        if execution.detail == Extraction.AMBIGUOUS.value:
            return _verdict(execution, Label.UNDECIDED, Cause.AMBIGUOUS_ANSWER, "it changes its own program", ())
        cause = EXTRACTION_CAUSES.get(execution.detail)
        if cause is None:
            return _verdict(execution, Label.UNDECIDED, Cause.SANDBOX_FAULT, execution.detail, ())
        return _verdict(execution, Label.FAILED, cause, "", (False,) * max(len(problem.cases), 1))
    if package := missing_package(execution):
        return _verdict(execution, Label.UNDECIDED, Cause.MISSING_PACKAGE, package, ())
    if execution.status is Status.COMPILE_ERROR and execution.detail.startswith(UNKNOWN):
        detail = execution.detail.removeprefix(UNKNOWN)
        return _verdict(execution, Label.UNDECIDED, Cause.UNKNOWN_SIGNATURE, detail, ())
    if execution.flaky:
        return _verdict(execution, Label.UNDECIDED, Cause.FLAKY, "a second run behaved otherwise", ())
    if execution.tester == Cause.OWN_EQUALITY:
        return _verdict(execution, Label.UNDECIDED, Cause.OWN_EQUALITY, execution.detail, ())
    if problem.judged_by is JudgedBy.TESTER:
        return _judge_tester(execution)
    if problem.judged_by is JudgedBy.IN_PROCESS:
        return _judge_in_process(execution)
    if problem.judged_by is JudgedBy.SUITE:
        return _judge_suite(execution)
    return _judge_cases(problem, execution)


def mark_suspects(
    verdicts: Sequence[Verdict], executions: Sequence[Execution], problems: Mapping[str, Problem]
) -> list[Verdict]:
    """Return the verdicts; those that blame candidates for an error of the test's own code become `undecided`.

    A test is suspect where no reference is known to pass it and every candidate fails it by the same exception, no
    AssertionError. Where all candidates behave alike, the exception must be one that no value causes.

    Args:
        verdicts: all of some problems', in the order of `executions`.
    """
    by_problem: dict[str, list[tuple[Verdict, Execution]]] = {}
    for verdict, execution in zip(verdicts, executions, strict=True):
        by_problem.setdefault(verdict.problem_id, []).append((verdict, execution))
    suspects = {
        problem_id
        for problem_id, judged in by_problem.items()
        if not problems[problem_id].reference and _is_suspect(judged)
    }
    return [
        replace(verdict, label=Label.UNDECIDED, cause=Cause.SUSPECT_TEST, n_cases=0, n_passed=0, passed_cases=())
        if verdict.problem_id in suspects and verdict.cause is Cause.TEST_FAILED
        else verdict
        for verdict in verdicts
    ]


def _is_suspect(judged: Sequence[tuple[Verdict, Execution]]) -> bool:
    """Return whether all programs of a problem that ran fail by one error of the test's code."""
    ran = [(verdict, execution) for verdict, execution in judged if execution.status is not Status.NOT_RUN]
    details = {verdict.detail for verdict, _ in ran}
    if len(details) != 1 or any(verdict.cause is not Cause.TEST_FAILED for verdict, _ in ran):
        return False
    error, _, rest = details.pop().partition(" ")
    if rest != "in the test code" or error == "AssertionError":
        return False
    n_behaviours = len({execution.signature for _, execution in ran})
    return n_behaviours > 1 or error in _TESTS_OWN


def _judge_tester(execution: Execution) -> Verdict:
    if execution.status is not Status.OK:
        return _verdict(execution, Label.FAILED, _CAUSES[execution.status], execution.why, (False,))
    if execution.tester == "passed" and execution.runs:
        return _verdict(execution, Label.PASSED, Cause.NONE, "", (True,))
    if execution.tester == "failed" and execution.runs:
        broken = next((run for run in execution.runs if run.status in _CAUSES), None)
        if broken is not None:
            return _verdict(execution, Label.FAILED, _CAUSES[broken.status], broken.exception, (False,))
        return _verdict(execution, Label.FAILED, Cause.TEST_FAILED, execution.detail, (False,))
    # Tests that ended without calling the candidate have shown nothing.
    return _verdict(execution, Label.UNDECIDED, Cause.NO_CASES, execution.detail, ())


def _judge_in_process(execution: Execution) -> Verdict:
    """Return the label of tests in the candidate's process: passed only if our code behind them was reached."""
    (run,) = execution.runs or (None,)
    if run is not None and execution.status is Status.OK and (run.status, run.value) == (Status.OK, "null"):
        return _verdict(execution, Label.PASSED, Cause.NONE, "", (True,))
    if run is not None and execution.status is Status.OK and (run.status, run.value) == (Status.OK, _UNSETTLED):
        return _verdict(execution, Label.UNDECIDED, Cause.NO_CASES, "a promise of the tests never settled", ())
    status = execution.status if execution.status is not Status.OK or run is None else run.status
    exception = run.exception if run is not None and run.status is Status.EXCEPTION else execution.exception
    if status is Status.EXCEPTION or execution.detail == _ABORTED:
        return _verdict(execution, Label.FAILED, Cause.TEST_FAILED, exception or execution.detail, (False,))
    if status is Status.OK:
        return _verdict(execution, Label.FAILED, Cause.FORGED, "", (False,))
    return _verdict(execution, Label.FAILED, _CAUSES[status], execution.why, (False,))


def _judge_suite(execution: Execution) -> Verdict:
    """Return the label of a suite's run; its cases are the tests that passed, failed or broke."""
    ran = [test for test in execution.tests if test.outcome != "skipped"]
    passed = tuple(test.outcome == "passed" for test in ran)
    if execution.status is not Status.OK:
        return _verdict(execution, Label.FAILED, _CAUSES[execution.status], execution.why, passed or (False,))
    # An exception is a test's to expect; a call that ran out of something is not.
    broken = next((run for run in execution.runs if run.status not in (Status.OK, Status.EXCEPTION)), None)
    if broken is not None:
        failed = passed if False in passed else (False,)
        return _verdict(execution, Label.FAILED, _CAUSES[broken.status], broken.exception, failed)
    if execution.tester == "failed" and False in passed:
        return _verdict(execution, Label.FAILED, Cause.TEST_FAILED, execution.detail, passed)
    if execution.tester == "passed" and execution.runs and passed and all(passed):
        return _verdict(execution, Label.PASSED, Cause.NONE, "", passed)
    return _verdict(execution, Label.UNDECIDED, Cause.NO_CASES, execution.detail, ())


def _judge_cases(problem: Problem, execution: Execution) -> Verdict:
    runs = execution.runs
    if len(runs) != len(problem.cases):
        detail = f"{len(runs)} of {len(problem.cases)} cases were run"
        return _verdict(execution, Label.UNDECIDED, Cause.SANDBOX_FAULT, detail, ())
    language = problem.language
    passed = tuple(matches(case, run, language) for case, run in zip(problem.cases, runs, strict=True))
    if all(passed) and execution.status is Status.OK:
        return _verdict(execution, Label.PASSED, Cause.NONE, "", passed)
    failed = [run for run, is_right in zip(runs, passed, strict=True) if not is_right]
    unproved = _unproved(problem, runs)
    if unproved and all(run in unproved for run in failed) and execution.status is Status.OK:
        return _verdict(execution, Label.UNDECIDED, Cause.CHECKER_BROKEN, unproved[0].checked[:200], ())
    first = next((run for run in failed if run not in unproved), None)
    if first is not None and first.status is Status.OK and has_own_equality(first.value):
        return _verdict(execution, Label.UNDECIDED, Cause.OWN_EQUALITY, "an answer with an __eq__ of its own", ())
    if first is not None and first.status is Status.OK:
        return _verdict(execution, Label.FAILED, Cause.WRONG_VALUE, first.checked.partition(": ")[2], passed)
    if first is None or first.status in (Status.NOT_RUN, execution.status):
        status, detail = execution.status, execution.why  # what ended the program explains the case
    else:
        status, detail = first.status, first.exception
    if status is Status.OK:
        return _verdict(execution, Label.UNDECIDED, Cause.SANDBOX_FAULT, "a case was not run", ())
    return _verdict(execution, Label.FAILED, _CAUSES[status], detail, passed)


def _unproved(problem: Problem, runs: Sequence[CaseRun]) -> list[CaseRun]:
    """Return the runs for which the problem's checker made no decision."""
    return [
        run
        for case, run in zip(problem.cases, runs, strict=True)
        if case.compare == "checker"
        and run.status is Status.OK
        and not run.checked.startswith((ACCEPTED, REFUSED))
    ]


def _verdict(execution: Execution, label: Label, cause: Cause, detail: str, passed: tuple[bool, ...]) -> Verdict:
    return Verdict(
        candidate_id=execution.candidate_id,
        problem_id=execution.problem_id,
        label=label,
        cause=cause,
        detail=detail,
        n_cases=len(passed),
        n_passed=sum(passed),
        passed_cases=passed,
        signature=execution.signature,
        program_form=execution.program_form,
        load_error=execution.load_error,
    )
