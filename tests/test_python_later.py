"""What only a later Python has is told from what none has. Each row was asked of CPython 3.9 to 3.13."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.languages.python.later import needs_later
from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Cause, Label
from tests.languages_kit import problem as case_problem
from tests.test_extraction import extract

# The version that brought it.
LATER = {
    "type X = int": (3, 12),
    "type P[T] = list[T]\nx = 1": (3, 12),
    "def f[T](x: T) -> T:\n    return x": (3, 12),
    "def f[T: (int, str)](x): return x": (3, 12),
    "class A[T, *Ts, **P]:\n    x: T": (3, 12),
    "class A[T](B[T]):\n    def m[U](self, x: U) -> T: pass": (3, 12),
    "def f[T = int](x: T): return x": (3, 13),
    'f"{"a" + "b"}"': (3, 12),
    'f"{x!r:{"<"}}"': (3, 12),
    "f'{\"\\n\".join(a)}'": (3, 12),
    'f"{f"{f"{1}"}"}"': (3, 12),
    'x = f"""{\n"a" # no\n}"""': (3, 12),
    'f"{\n1}"': (3, 12),
    "match x:\n    case 1: pass": (3, 10),
    "try:\n    pass\nexcept* ValueError:\n    pass": (3, 11),
    "x[*a]": (3, 11),
    "x[1, *a, 2]": (3, 11),
    "x: tuple[*Ts] = ()": (3, 11),
    "def f(*args: *Ts): pass": (3, 11),
}
NONE = (
    "def f(x:\n  return 1", 'print "x"', "return 1", "def f():\n  x = = 1", "def f[T](x):\n  return (", "type X",
    "type X = int\nreturn 3", "def f(a=1, b): pass", 'f"{"a" + }"', 'f"{}"', "f(a=1, 2)", "for x in *a, *b: = 1",
    'exec "1"', "x = 0777", "nonlocal x\ndef f[T](): pass", "def f[T T](x): pass", "def f[](x): pass",
    "a = 1 if 2", "f'{x!q}'", "def f[T](x): pass\nx = 5 5", 'f"{a b "c"}"',
)  # fmt: skip
PLAIN = (
    "type = 3\ntype(type)", "x: list[int] = []", 'f"{a[\'x\']}"', "f'{a!r:>{10}}'", 'print(f"{x=}")',
    "x[(*a,)]", "x[(1, *a)]", "x[1, (2, *a)]", "def f(*a: int): pass",
    "async def f():\n    return [x async for x in y]", "def f(x: dict[str, list[int]]) -> None: ...",
)  # fmt: skip


@pytest.mark.parametrize("code", LATER)
def test_what_a_later_version_has_is_seen(code: str) -> None:
    for version in {(3, 9), (3, 10), sys.version_info[:2]}:
        assert needs_later(code, version) == (LATER[code] > version), version


@pytest.mark.parametrize("code", NONE)
def test_what_no_version_has_is_nothing_later(code: str) -> None:
    assert not needs_later(code)
    assert not needs_later(code, (3, 9))


@pytest.mark.parametrize("code", PLAIN)
def test_what_every_version_has_is_nothing_later(code: str) -> None:
    assert not needs_later(code)
    assert not needs_later(code, (3, 9))


def label(problem: Problem, program: Program, pool: SandboxPool) -> tuple[Label, Cause]:
    execution = execute_programs([program], {problem.problem_id: problem}, pool)[0]
    verdict = judge(problem, execution)
    return verdict.label, verdict.cause


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this interpreter has it")
@pytest.mark.parametrize("is_fenced", [True, False])
@pytest.mark.parametrize(
    "code",
    [
        "def f[T](x: T) -> T:\n    return x\n",
        "type Number = int\n\ndef f(x: Number) -> Number:\n    return x\n",
        'def f(x):\n    return int(f"{str(x).replace("a", "b")}")\n',
        "class Box[T]:\n    def __init__(self, x: T): self.x = x\n\ndef f(x):\n    return Box(x).x\n",
    ],
)
def test_answers_in_a_later_python_prove_nothing(code: str, is_fenced: bool, pool: SandboxPool) -> None:
    problem = case_problem("python", [((1,), 1)])
    for text, due in (
        (code, (Label.UNDECIDED, Cause.MISSING_PACKAGE)),
        (code.replace("return", "return ]"), None),
    ):
        answer = f"Here it is:\n\n```python\n{text}```\n" if is_fenced else text
        found = label(problem, replace(extract(answer), problem_id=problem.problem_id), pool)
        assert found == due if due else found[0] is Label.FAILED


def pretend(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Have each sandbox report a version of Python, until the test ends: others use the sandboxes too."""
    begin = Sandbox.run

    def run(self: Sandbox, job: object) -> object:
        monkeypatch.setattr(self, "python", version)
        return begin(self, job)  # type: ignore[arg-type]

    monkeypatch.setattr(Sandbox, "run", run)


def test_a_sandbox_with_an_older_python_proves_nothing(pool: SandboxPool, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = case_problem("python", [((1,), 1)])
    code = "match 1:\n    case _: pass\nraise SyntaxError\ndef f(x): return x\n"
    program = Program("c", problem.problem_id, Extraction.OK, "bare", code)
    assert label(problem, program, pool) == (Label.FAILED, Cause.EXCEPTION)
    pretend(monkeypatch, "3.9.2")
    assert label(problem, program, pool) == (Label.UNDECIDED, Cause.MISSING_PACKAGE)
    plain = Program("c", problem.problem_id, Extraction.OK, "bare", "raise SyntaxError\ndef f(x): return x\n")
    assert label(problem, plain, pool) == (Label.FAILED, Cause.EXCEPTION)


def test_a_setup_in_a_later_python_proves_nothing(pool: SandboxPool, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = replace(case_problem("python", [((1,), 1)]), setup="raise SyntaxError\nx[*a]\n")
    program = Program("c", problem.problem_id, Extraction.OK, "bare", "def f(x): return x\n")
    assert label(problem, program, pool) == (Label.FAILED, Cause.EXCEPTION)
    pretend(monkeypatch, "3.10.1")
    assert label(problem, program, pool) == (Label.UNDECIDED, Cause.MISSING_PACKAGE)


@pytest.mark.slow
def test_threads_read_at_once() -> None:
    """Fails with `ast.parse` of CPython 3.11: what is collected meanwhile lets another thread go on."""

    class Circle:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            sum(range(2000))

    text = Path(__file__).read_text(encoding="utf-8") * 5

    def read(_: int) -> int:
        for _ in range(50):
            Circle()
        return len(parse_python(text).body)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            assert len({*threads.map(read, range(200))}) == 1
    finally:
        sys.setswitchinterval(interval)
