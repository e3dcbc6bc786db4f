"""Objects that tests build: followed without running anything, or refused."""

import pytest

from pairsmith.pipeline.problems.conversion import convert_tests
from pairsmith.schemas.problem import JudgedBy
from pairsmith.schemas.values import Record, decode_value

SETUP = (
    "class Node:\n    def __init__(self, data, left=None):\n        self.data = data\n        self.left = left\n"
    "        self.right = None\n"
)
LEAF = Record("Node", (("data", 2), ("left", None), ("right", None)))


def arguments(tests: str, setup: str = SETUP) -> list[object]:
    conversion = convert_tests(tests, "f", setup)
    assert conversion.judged_by is JudgedBy.CASES, conversion.reason
    return [decode_value(case.arguments) for case in conversion.cases]


def test_objects_are_built_by_calls_and_assignments() -> None:
    tree = Record("Node", (("data", 1), ("left", LEAF), ("right", None)))
    assert arguments("assert f(Node(1, Node(2))) == 2") == [[tree]]
    assert arguments("root = Node(1)\nroot.left = Node(2)\nassert f(root) == 2") == [[tree]]
    deeper = Record("Node", (("data", 1), ("left", tree), ("right", None)))
    assert arguments("r = Node(1)\nr.left = Node(1)\nr.left.left = Node(2)\nassert f(r) == 3") == [[deeper]]
    assert arguments("assert f([Node(2)], int) == 3") == [[[LEAF], int]]


@pytest.mark.parametrize(
    "tests",
    [
        "a = Node(1)\nb = Node(2)\na.left = b\nassert f(a) == 2",  # they share a part
        "a = Node(1)\nassert f(a) == 2\nassert f(a) == 2",  # the first call may have changed it
        "a = Node()\nassert f(a) == 2",
        "a = Node(1)\na.left.left = Node(2)\nassert f(a) == 2",
        "assert f(Node(data=1)) == 2",
        "a.left = 1\nassert f(Node(1)) == 2",
    ],
)
def test_what_cannot_be_followed_is_no_case(tests: str) -> None:
    assert convert_tests(tests, "f", SETUP).judged_by is not JudgedBy.CASES


@pytest.mark.parametrize(
    "setup",
    [
        "class Node:\n    def __init__(self, data):\n        self.data = data + 1\n",
        "class Node:\n    def __init__(self, *data):\n        self.data = data\n",
        "class Node(list):\n    def __init__(self, data):\n        self.data = data\n",
        "class Node:\n    def __new__(cls, data): ...\n    def __init__(self, data):\n        self.data = data\n",
        "@wrapped\nclass Node:\n    def __init__(self, data):\n        self.data = data\n",
        "class Node:\n    data = 1\n",
    ],
)
def test_a_class_that_does_more_than_store_is_not_simple(setup: str) -> None:
    assert convert_tests("assert f(Node(1)) == 2", "f", setup).judged_by is not JudgedBy.CASES
