"""Which values of another language are the expected one."""

import pytest

from pairsmith.pipeline.judging.equality import matches, same_value
from pairsmith.pipeline.judging.tolerance import Tolerance
from pairsmith.pipeline.judging.values import same_in
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import Record, encode_value


@pytest.mark.parametrize(
    ("language", "got", "expected", "atol", "equal"),
    [
        ("java", [1, 2], (1, 2), 0.0, True),
        ("cpp", (1, [2, 3]), [1, (2, 3)], 0.0, True),
        ("cpp", {(1, 2)}, {(1, 2)}, 0.0, True),
        ("java", [[1, 2], [3, 4]], {(1, 2), (3, 4)}, 0.0, False),
        ("rust", {(1, 2): [3]}, {(1, 2): (3,)}, 0.0, True),
        ("go", [1], Record("Point", (("x", 1),), is_tuple=True), 0.0, True),
        ("go", [1], Record("Point", (("x", 1),)), 0.0, False),
        ("javascript", {"1": ["a"], "null": 2}, {1: ("a",), None: 2}, 0.0, True),
        ("typescript", {"1,2": 3}, {(1, 2): 3}, 0.0, True),
        ("typescript", {"2.5": 3, "3": 4}, {2.5: 3, 3.0: 4}, 0.0, True),
        ("java", {"1": 2}, {1: 2}, 0.0, False),
        ("c", 1, True, 0.0, True),
        ("c", [1.0, 2.05], [1, 2], 0.1, True),
        ("c", [1, 2], [1, 2, 3], 0.0, False),
        ("bash", "3", 3, 0.0, True),
        ("bash", "3.0", 3, 0.0, True),
        ("bash", " 3", 3, 0.0, True),
        ("bash", "3 4", [3, 4], 0.0, True),
        ("bash", "3\n4", [3, 4], 0.0, False),
        ("bash", "1 2\n3", [[1, 2], [3]], 0.0, True),
        ("bash", "true", True, 0.0, True),
        ("bash", "1", True, 0.0, False),
        ("bash", "", None, 0.0, True),
        ("bash", "a,1\nb,2", {"a": 1, "b": 2}, 0.0, True),
        ("bash", "2.05", 2.0, 0.1, True),
        ("bash", "nan", float("nan"), 0.0, True),
        ("bash", 3, 3, 0.0, False),
        ("bash", "x", b"x", 0.0, False),
    ],
)
def test_equality_in_other_languages(
    language: str, got: object, expected: object, atol: float, equal: bool
) -> None:
    assert same_in(language, same_value, got, expected, Tolerance(atol)) is equal


def test_python_is_not_judged_by_them() -> None:
    case = Case("[]", encode_value((1, 2)))
    run = CaseRun(Status.OK, encode_value([1, 2]), "", "", 0.0)
    assert not matches(case, run)
    assert matches(case, run, "java")
