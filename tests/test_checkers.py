"""Problems with many right answers: their own checker decides, apart from the candidate."""

import json
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.checkers import why_no_checker
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.records import DroppedProblem
from pairsmith.pipeline.problems.sources.jsonl import load_jsonl
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Cause, Label, Verdict

DIVISOR = """
def check(input, output, expected):
    number, divisor = int(input), int(output)
    if divisor == int(expected):
        return True
    return 1 < divisor < number and number % divisor == 0 or f"{divisor} divides nothing"
"""
PROGRAM = {
    "problem_id": "own/divisor", "prompt": "Print a proper divisor.",
    "cases": [{"stdin": "12\n", "stdout": "2\n"}, {"stdin": "35\n", "stdout": "5\n"}],
}  # fmt: skip
PAIR = {
    "problem_id": "own/pair", "prompt": "Find two numbers with the sum.", "entry_point": "pair",
    "cases": [{"arguments": [[1, 2, 3, 4], 5]}, {"arguments": [[1, 9], 10], "expected": [1, 9]}],
    "checker": "def check(input, output):\n    xs, total = input\n    assert sum(output) == total\n"
    "    return all(x in xs for x in output)\n",
}  # fmt: skip
CPP = """
#include <fstream>
int main(int argc, char **argv) {
    std::ifstream input(argv[1]), output(argv[2]), answer(argv[3]);
    long number, divisor, known;
    if (argc != 4 || !(input >> number) || !(answer >> known)) return 3;
    if (!(output >> divisor)) return 2;
    if (divisor <= 1 || divisor >= number || number % divisor) return 1;
}
"""


def problem_of(path: Path, row: dict[str, Any]) -> Problem:
    (path / "own.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (found,) = load_jsonl(path / "own.jsonl")
    assert isinstance(found.outcome, Problem), found
    return found.outcome


def verdicts(pool: SandboxPool, problem: Problem, *codes: str) -> list[Verdict]:
    programs = [Program(str(n), problem.problem_id, Extraction.OK, "fenced", code) for n, code in enumerate(codes)]
    executions = execute_programs(programs, {problem.problem_id: problem}, pool)
    return [judge(problem, execution) for execution in executions]


def test_any_right_answer_passes(pool: SandboxPool, tmp_path: Path) -> None:
    least = "n = int(input())\nprint(min(d for d in range(2, n) if n % d == 0))"
    largest = least.replace("min", "max")
    random_one = "import random\nrandom.seed()\n" + least.replace("min(", "random.choice([").replace("0))", "0]))")
    wrong, empty = "print(11)", "input()"
    found = verdicts(
        pool, problem_of(tmp_path, PROGRAM | {"checker": DIVISOR}), least, largest, random_one, wrong, empty
    )
    assert [verdict.label for verdict in found[:4]] == [Label.PASSED, Label.PASSED, Label.PASSED, Label.FAILED]
    assert (found[3].cause, found[3].detail) == (Cause.WRONG_VALUE, "11 divides nothing")
    # A checker that breaks on an answer has not judged it.
    assert (found[4].label, found[4].cause) == (Label.UNDECIDED, Cause.CHECKER_BROKEN)
    assert "ValueError" in found[4].detail


def test_a_function_may_have_a_checker(pool: SandboxPool, tmp_path: Path) -> None:
    code = "def pair(xs, total):\n    return next({} for a in {} for b in xs if a != b and a + b == total)\n"
    found = verdicts(
        pool, problem_of(tmp_path, PAIR), code.format("(a, b)", "xs"), code.format("[a, b]", "reversed(xs)"),
        "def pair(xs, total):\n    return [total, 0]\n", "def pair(xs, total):\n    return [1, 1]\n",
    )  # fmt: skip
    assert [verdict.label for verdict in found] == [Label.PASSED, Label.PASSED, Label.FAILED, Label.FAILED]


def test_a_checker_in_cpp_reads_files(pool: SandboxPool, tmp_path: Path) -> None:
    problem = problem_of(tmp_path, PROGRAM | {"checker": CPP, "checker_language": "cpp"})
    divisors = "n = int(input())\nprint({}(d for d in range(2, n) if n % d == 0))"
    least, largest = divisors.format("min"), divisors.format("max")
    found = verdicts(pool, problem, least, largest, "print(11)", "print('x')")
    assert [verdict.label for verdict in found] == [Label.PASSED, Label.PASSED, Label.FAILED, Label.FAILED]
    broken = problem_of(
        tmp_path, PROGRAM | {"checker": CPP.replace("argc != 4", "argc"), "checker_language": "cpp"}
    )
    (verdict,) = verdicts(pool, broken, least)
    assert (verdict.label, verdict.cause) == (Label.UNDECIDED, Cause.CHECKER_BROKEN)
    assert "exit code 3" in verdict.detail


# What a checker uses of testlib, in the manner of testlib: streams that end the checker by themselves.
TESTLIB = r"""
#ifndef _TESTLIB_H_
#define _TESTLIB_H_
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include "testlib-verdicts.h"
struct InStream {
    std::ifstream file;
    TResult bad;
    int readInt() { int n; if (!(file >> n)) quit(bad, "no number"); return n; }
    [[noreturn]] static void quit(TResult how, const char *text) { std::fputs(text, stderr); std::exit(how); }
} inf, ouf, ans;
inline void registerTestlibCmd(int argc, char **argv) {
    if (argc != 4) std::exit(_fail);
    inf.file.open(argv[1]); ouf.file.open(argv[2]); ans.file.open(argv[3]);
    inf.bad = ans.bad = _fail; ouf.bad = _pe;
}
[[noreturn]] inline void quitf(TResult how, const char *format, ...) { InStream::quit(how, format); }
#endif
"""
WITH_TESTLIB = """
#include "testlib.h"
int main(int argc, char* argv[]) {
    registerTestlibCmd(argc, argv);
    int n = inf.readInt(), d = ouf.readInt();
    if (d <= 1 || d >= n || n % d) quitf(_wa, "%d divides nothing", d);
    if (ans.readInt() <= 1) quitf(_fail, "no answer");
    quitf(_ok, "right");
}
"""


def test_a_checker_in_cpp_includes_headers_that_lie_beside_the_problems(pool: SandboxPool, tmp_path: Path) -> None:
    row = PROGRAM | {"checker": WITH_TESTLIB, "checker_language": "cpp"}
    (tmp_path / "own.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (found,) = load_jsonl(tmp_path / "own.jsonl")
    assert isinstance(found.outcome, DroppedProblem)
    assert "no 'testlib.h' beside the file of problems" in found.outcome.message
    (tmp_path / "testlib.h").write_text(TESTLIB)
    (tmp_path / "testlib-verdicts.h").write_text("enum TResult { _ok = 0, _wa = 1, _pe = 2, _fail = 3 };\n")
    problem = problem_of(tmp_path, row)
    divisors = "n = int(input())\nprint({}(d for d in range(2, n) if n % d == 0))"
    codes = (divisors.format("min"), divisors.format("max"), "print(11)", "print('x')", "input()")
    right, wrong = [(Label.PASSED, Cause.NONE)] * 2, [(Label.FAILED, Cause.WRONG_VALUE)] * 3
    assert [(one.label, one.cause) for one in verdicts(pool, problem, *codes)] == right + wrong
    broken = problem_of(tmp_path, row | {"cases": [{"stdin": "12\n"}]})  # the checker misses its answer
    (verdict,) = verdicts(pool, broken, codes[0])
    assert (verdict.label, verdict.cause) == (Label.UNDECIDED, Cause.CHECKER_BROKEN)


@pytest.mark.parametrize(
    "body",
    [
        "return None",
        "return 1",
        "return ''",
        "raise KeyError(output)",
        "import os\n    os._exit(0)",
        "while True: pass",
        "return 'x' * 10**9",
        "return open('/etc/shadow').read()",
    ],
)
def test_a_broken_checker_proves_nothing(pool: SandboxPool, tmp_path: Path, body: str) -> None:
    row = PROGRAM | {"checker": f"def check(input, output, expected):\n    {body}\n"}
    (verdict,) = verdicts(pool, problem_of(tmp_path, row), "print(2 if int(input()) == 12 else 5)")
    assert (verdict.label, verdict.cause) == (Label.UNDECIDED, Cause.CHECKER_BROKEN)


def test_a_checker_reads_no_file_of_the_host(pool: SandboxPool, tmp_path: Path) -> None:
    """A checker comes with a problem, from whoever published it."""
    secret = tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    secret.chmod(0o644)
    body = f"import os\n    return not any(map(os.path.exists, [{str(secret)!r}, '/root/.ssh', '/etc/shadow-']))"
    row = PROGRAM | {"checker": f"def check(input, output, expected):\n    {body}\n"}
    (verdict,) = verdicts(pool, problem_of(tmp_path, row), "print(2 if int(input()) == 12 else 5)")
    assert verdict.label is Label.PASSED


def test_no_checker_is_where_the_candidate_is(pool: SandboxPool, tmp_path: Path) -> None:
    code = "import sys, os\nprint(os.path.exists('/tmp/answer.txt'), 'check' in dir(sys.modules['__main__']))"
    row = PROGRAM | {"checker": "def check(input, output, expected):\n    return output == 'False False\\n'\n"}
    (verdict,) = verdicts(pool, problem_of(tmp_path, row), code)
    assert verdict.label is Label.PASSED


@pytest.mark.parametrize(
    ("source", "language", "message"),
    [
        ("def check(i, o, e): return True", "python", ""),
        ("def check(i, o): return True", "python", ""),
        ("def check(*parts): return True", "python", ""),
        ("def check(o): return True", "python", "defines no"),
        ("def chek(i, o): return True", "python", "defines no"),
        ("def check(i, o", "python", "not Python"),
        ("(" * 5000, "python", "not Python"),
        ("int main() {}", "cpp", ""),
        ("int f() {}", "cpp", "main"),
    ],
)
def test_what_is_no_checker_is_said_at_once(source: str, language: str, message: str) -> None:
    why = why_no_checker(source, language)
    assert (message in why) if message else why == ""
