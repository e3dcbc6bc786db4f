"""Inputs in, values out: each kind of value, each cap and each rule, through every sandbox."""

import collections
import math
from typing import Any

import pytest

from pairsmith.pipeline.sandbox.contract import Answer, Ending, Job
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.schemas.execution import Status
from pairsmith.schemas.values import (
    MAX_DEPTH,
    MAX_INT_BITS,
    MAX_NODES,
    Lazy,
    Opaque,
    Record,
    decode_value,
    encode_arguments,
)


def run(pool: SandboxPool, code: str, *inputs: tuple[object, ...]) -> tuple[list[Answer], Ending]:
    """Run code whose entry point is `f` on inputs, by default one call without arguments."""
    texts = tuple(encode_arguments(arguments) for arguments in inputs or ((),))
    return pool.run(lambda bench: bench.candidate.run(Job("", code, "f", texts)))


def value(pool: SandboxPool, expression: str) -> Any:
    """Return what an expression inside gives outside."""
    answers, ending = run(pool, f"import collections, dataclasses, itertools, math\ndef f(): return {expression}")
    assert answers[0].status is Status.OK, (expression, answers, ending)
    return decode_value(answers[0].value)


VALUES: list[Any] = [
    None, True, False, 0, -1, 2**53, 2**53 + 1, -(2**70), 10**4000, 1 << (MAX_INT_BITS - 1),
    0.1, -0.0, 1e308, 5e-324, math.inf, -math.inf, 1j, complex(-0.0, math.inf),
    "", "a\"\\\n\x00\x7f", "\u00e9\u4e16\U0001f600", "\ud800", b"", bytes(range(256)),
    int, str, frozenset, [float, (set,)],
    [], [1, [2, [3]]], (), (1,), ((1, "a"), [2.5]), {}, {"a": 1, 2: [3], (4, 5): None, 1.5: b"", None: True},
    set(), {1, "a", (2, 3)}, frozenset(), frozenset({1}), {frozenset({1})}, [{"k": {1, 2}}, (frozenset("ab"),)],
]  # fmt: skip


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal in type, in sign and in order too."""
    return repr(a) == repr(b) if isinstance(a, float | complex | dict) else type(a) is type(b) and a == b


@pytest.mark.parametrize(
    "given", VALUES, ids=[f"{type(given).__name__}{index}" for index, given in enumerate(VALUES)]
)
def test_every_plain_value_goes_in_and_comes_out_unchanged(pool: SandboxPool, given: Any) -> None:
    code = "def f(x, y): return [type(x).__name__, x, y]"
    answers, _ = run(pool, code, (given, [given]))
    name, back, nested = decode_value(answers[0].value)
    assert name == type(given).__name__
    assert same(back, given)
    assert same(nested[0], given)


def test_nan_goes_in_and_comes_out(pool: SandboxPool) -> None:
    answers, _ = run(pool, "def f(x): return [x, x != x]", (math.nan,))
    back, is_nan = decode_value(answers[0].value)
    assert math.isnan(back)
    assert is_nan


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("bytearray(b'ab')", b"ab"),
        ("collections.namedtuple('P', 'x y')(1, [2])", Record("P", (("x", 1), ("y", [2])), is_tuple=True)),
        ("dataclasses.make_dataclass('D', ['a', 'b'])(1, (2,))", Record("D", (("a", 1), ("b", (2,))))),
        ("collections.Counter('aab')", collections.Counter("aab")),
        ("collections.OrderedDict(a=1)", collections.OrderedDict(a=1)),
        ("collections.defaultdict(int, a=1)", collections.defaultdict(int, a=1)),
        ("type('I', (int,), {})(3)", 3),
        ("type('S', (str,), {})('a')", "a"),
        ("type('L', (list,), {})([1])", [1]),
        ("(i * i for i in range(3))", Lazy("generator", (0, 1, 4))),
        ("range(3)", range(3)),
        ("map(abs, [-1])", Lazy("map", (1,))),
        ("zip([1], 'a')", Lazy("zip", ((1, "a"),))),
        ("{'a': 1}.keys()", Lazy("dict_keys", ("a",))),
        ("iter([1])", Lazy("list_iterator", (1,))),
        ("itertools.islice(itertools.count(), 2)", Lazy("islice", (0, 1))),
        ("reversed([1, 2])", Lazy("list_reverseiterator", (2, 1))),
    ],
)
def test_values_of_richer_types_come_out_by_their_parts(pool: SandboxPool, expression: str, expected: Any) -> None:
    back = value(pool, expression)
    assert back == expected
    assert type(back) is type(expected)


@pytest.mark.parametrize(
    "expression",
    [
        "object()", "len", "f", "type", "KeyError", "math",
        "type('E', (), {'__eq__': lambda s, o: True})()", "print",
        "memoryview(b'a')", "KeyError(1)",
    ],
)  # fmt: skip
def test_anything_else_is_opaque_and_equals_nothing(pool: SandboxPool, expression: str) -> None:
    back = value(pool, expression)
    assert isinstance(back, Opaque)
    assert back != back
    assert back != value(pool, expression)


@pytest.mark.parametrize(
    ("body", "is_within"),
    [
        (f"return 1 << {MAX_INT_BITS - 1}", True),
        (f"return 1 << {MAX_INT_BITS}", False),
        (f"return -(1 << {MAX_INT_BITS})", False),
        (f"x = 0\nfor _ in range({MAX_DEPTH}): x = [x]\nreturn x", True),
        (f"x = 0\nfor _ in range({MAX_DEPTH + 1}): x = [x]\nreturn x", False),
        (f"x = 0\nfor _ in range({MAX_DEPTH + 1}): x = {{'k': x}}\nreturn x", False),
        (f"return [0] * {MAX_NODES - 1}", True),
        (f"return [0] * {MAX_NODES}", False),
        ("return itertools.count()", False),
        ("return itertools.repeat([1, 2])", False),
        ("return (itertools.count() for _ in range(2))", False),
        ("return iter(range(10**9))", False),
        ("return 'x' * 4_000_000", True),
        ("return 'x' * 4_200_000", False),
        ("x = []\nx.append(x)\nreturn x", True),
    ],
)
def test_what_is_too_large_is_an_output_over_the_limit(pool: SandboxPool, body: str, is_within: bool) -> None:
    code = "import itertools\ndef f(x):\n" + "\n".join(f"  {line}" for line in body.splitlines())
    answers, ending = run(pool, f"g = lambda: 1\n{code}", (1,))
    assert answers[0].status is (Status.OK if is_within else Status.OUTPUT_LIMIT), (answers, ending)
    assert (answers[0].value != "") is is_within


def test_a_value_over_the_parts_limit_leaves_the_next_calls(pool: SandboxPool) -> None:
    code = "import itertools\ndef f(x): return itertools.count() if x else 'fine'"
    answers, ending = run(pool, code, (1,), (0,))
    assert [answer.status for answer in answers] == [Status.OUTPUT_LIMIT, Status.OK]
    assert ending.status is Status.OK


def test_arguments_that_a_program_changes_are_its_own_copy(pool: SandboxPool) -> None:
    shared = [1]
    code = "kept = []\ndef f(a, b):\n a.append(2); b['k'].add(3); kept.append(a)\n return [a, b, len(kept)]"
    answers, _ = run(pool, code, (shared, {"k": {1}}), (shared, {"k": {1}}))
    assert [decode_value(answer.value) for answer in answers] == [
        [[1, 2], {"k": {1, 3}}, 1],
        [[1, 2], {"k": {1, 3}}, 2],
    ]
    assert shared == [1]


def test_records_become_objects_of_the_solutions_class(pool: SandboxPool) -> None:
    node = Record("Node", (("data", 1), ("next", Record("Node", (("data", [2]), ("next", None))))))
    code = "class Node:\n def __init__(self): raise ValueError\n def last(self):\n"
    code += "  return self.next.last() if self.next else self.data\ndef f(nodes): return [n.last() for n in nodes]"
    answers, _ = run(pool, code, ([node],))
    assert decode_value(answers[0].value) == [[2]]
    answers, _ = run(pool, "def f(nodes): return nodes[0].data", ([node],))
    assert answers[0].exception == "AttributeError"


def test_lazy_results_may_read_what_comes_with_the_call(pool: SandboxPool) -> None:
    answers, _ = run(pool, "def f(xs):\n for x in xs: yield x + 1", ([1, 2],))
    assert decode_value(answers[0].value) == Lazy("generator", (2, 3))


def test_a_lazy_result_that_raises_is_that_calls_exception(pool: SandboxPool) -> None:
    answers, _ = run(pool, "def f(x): return (1 // n for n in [x])", (0,), (1,))
    assert (answers[0].status, answers[0].exception) == (Status.EXCEPTION, "ZeroDivisionError")
    assert answers[1].status is Status.OK


_FRAME = (
    "import os, sys\ndef send(nonce, body): os.write(201, (len(nonce + body)).to_bytes(4, 'big') + nonce + body)\n"
)


@pytest.mark.parametrize(
    ("code", "status", "detail"),
    [
        # A second answer to one input: what was right before it is worth nothing.
        (
            "def f():\n nonce = sys._getframe(1).f_back.f_locals['frame'][:16]\n send(nonce, b'V1')\n return 1",
            Status.FORGED,
            "an answer",  # with the wrong nonce, where it comes before the next input's
        ),
        ("def f():\n send(bytes(16), b'V1')\n return 1", Status.FORGED, "wrong nonce"),
        ("def f():\n send(b'', b'')\n return 1", Status.FORGED, "wrong nonce"),
        (
            "def f():\n nonce = sys._getframe(1).f_back.f_locals['frame'][:16]\n send(nonce, b'V{')\n os._exit(0)",
            Status.FORGED,
            "",
        ),
        ("def f():\n os.write(201, b'\\xff' * 8)\n return 1", Status.OUTPUT_LIMIT, "over the limit"),
        ("def f():\n os.write(201, bytes(3))\n os._exit(0)", Status.EXITED, "exit code 0"),
        ("send(bytes(16), b'L')\ndef f(): return 1", Status.FORGED, "wrong nonce"),
    ],
)
def test_a_forged_answer_fails_with_its_cause(pool: SandboxPool, code: str, status: Status, detail: str) -> None:
    answers, ending = run(pool, _FRAME + code, (), ())
    assert status in (answers[0].status, ending.status), (answers, ending)
    assert detail in ending.detail
    assert ending.status is not Status.OK or answers[0].status is status


def test_what_is_printed_is_no_answer(pool: SandboxPool) -> None:
    code = "import sys\ndef f(x):\n print('{\"int\":1}', flush=True)\n sys.stderr.write('V1')\n return x"
    answers, ending = run(pool, code, (7,))
    assert (answers[0].value, ending.status) == ("7", Status.OK)
