"""Each rule by which printed text is compared."""

import pytest

from pairsmith.pipeline.judging.equality import matches
from pairsmith.pipeline.judging.stdout import same_text
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.schemas.execution import CaseRun, Execution, Status
from pairsmith.schemas.problem import Case, Interface
from pairsmith.schemas.values import encode_value
from pairsmith.schemas.verdict import Cause, Label
from tests.pairing_records import problem as make_problem


@pytest.mark.parametrize(
    ("got", "expected", "rules"),
    [
        ("1 2\n", "1 2\n", "tokens lines exact"),
        ("1 2", "1 2\n", "tokens lines"),
        ("1 2  \n\n\n", "1 2\n", "tokens lines"),
        ("1 2\r\n", "1 2\n", "tokens lines"),
        ("1\t2 \t\n3", "1\t2\n3", "tokens lines"),
        ("1\n2\n", "1 2\n", "tokens"),
        ("  1 2\n", "1 2\n", "tokens"),
        ("1  2\n", "1 2\n", "tokens"),
        ("\n1 2\n", "1 2\n", "tokens"),
        ("", "", "tokens lines exact"),
        ("\n\n", "", "tokens lines"),
        ("1 2 3\n", "1 2\n", ""),  # what was expected is only the beginning
        ("1\n", "1 2\n", ""),  # only the beginning of what was expected
        ("1 2\n1 2\n", "1 2\n", ""),
        ("12\n", "1 2\n", ""),
        ("", "1\n", ""),
        ("1\n", "", ""),
        ("yes\n", "YES\n", ""),
        ("1.0\n", "1\n", ""),
        ("1.50\n", "1.5\n", ""),
        ("\u0661\n", "1\n", ""),
    ],
)
def test_text_is_compared_whole(got: str, expected: str, rules: str) -> None:
    same = [rule for rule in ("tokens", "lines", "exact") if same_text(got, expected, rule)]
    assert " ".join(same) == rules


@pytest.mark.parametrize(
    ("got", "expected", "is_same"),
    [
        ("0.3333333333", "0.333333", True),
        ("0.334", "0.333333", False),
        ("1000000.5", "1000000.0", True),  # half a millionth of it
        ("1000002.0", "1000000.0", False),
        ("1e6", "1000000.0", True),
        (".5", "0.5", True),
        ("+0.5", "0.5", True),
        ("-0.0", "0.0", True),
        ("2", "2.0000001", True),
        ("2.0000001", "2", False),  # whole numbers are exact
        ("1000001", "1000000", False),
        ("nan", "0.5", False),
        ("inf", "0.5", False),
        ("0_1.5", "1.5", False),
        ("0x1.8", "1.5", False),
        ("\u0661.5", "1.5", False),
        ("1e9999", "1.5", False),
        ("1e99999999", "1e99999998", False),
        ("0.5" + "0" * 2000, "0.5", False),
        ("nan", "nan", True),
    ],
)
@pytest.mark.parametrize("rule", ["tokens", "lines"])
def test_numbers_with_a_point_may_differ_by_the_tolerance(
    got: str, expected: str, is_same: bool, rule: str
) -> None:
    assert same_text(f"a {got}\n", f"a {expected}\n", rule, atol=1e-6, rtol=1e-6) is is_same


def test_a_tolerance_joins_no_lines() -> None:
    assert same_text("1.0 2.0\n", "1.0\n2.0\n", "tokens", atol=1e-6, rtol=1e-6)
    assert not same_text("1.0 2.0\n", "1.0\n2.0\n", "lines", atol=1e-6, rtol=1e-6)


def run(value: str, status: Status = Status.OK) -> CaseRun:
    return CaseRun(status, value, "", "", 0.1)


def test_only_text_of_a_good_run_matches() -> None:
    case = Case("3\n", "7\n", "tokens")
    assert matches(case, run(encode_value("7")))
    assert not matches(case, run(encode_value("8")))
    assert not matches(case, run(encode_value(7)))  # no program on stdout gives an int
    assert not matches(case, run(encode_value(b"7\n")))  # no UTF-8
    assert not matches(case, run("", Status.EXITED))


def test_a_case_that_ended_badly_names_its_cause() -> None:
    problem = make_problem(interface=Interface.STDIN, entry_point="", cases=(Case("1", "1", "tokens"),) * 2)
    runs = (run(encode_value("1")), CaseRun(Status.EXITED, "", "", "SystemExit", 0.1))
    execution = Execution("c", "p/1", Status.OK, "", "", runs, "", "", "docker", 0.1, 0.1, 1.0)
    verdict = judge(problem, execution)
    assert (verdict.label, verdict.cause, verdict.detail) == (Label.FAILED, Cause.EXITED, "SystemExit")
    assert (verdict.n_cases, verdict.n_passed) == (2, 1)
