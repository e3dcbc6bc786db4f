"""Tests that run in the solution's own process, and whole programs on stdin, in other languages."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.languages.table import LANGUAGES
from pairsmith.pipeline.problems.sources.humaneval import load_humanevalpack
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Case, Interface, JudgedBy, Problem
from pairsmith.schemas.values import encode_value
from pairsmith.schemas.verdict import Cause, Label, Verdict
from tests.answers.make_corpus import LANGUAGES as ANSWERS
from tests.languages_kit import HUMANEVAL, PROGRAMS_ON_STDIN, humaneval_rows
from tests.languages_kit import problem as case_problem

IN_PROCESS = tuple(HUMANEVAL)


def problem_of(language: str, tmp_path: Path) -> Problem:
    path = tmp_path / "pack.jsonl"
    path.write_text(humaneval_rows(), encoding="utf-8")
    found = [item.outcome for item in load_humanevalpack(ProblemsConfig(source="humanevalpack", path=path))]
    return next(item for item in found if isinstance(item, Problem) and item.language == language)


def verdict(problem: Problem, code: str, pool: SandboxPool, cache: Path) -> Verdict:
    program = Program("c", problem.problem_id, Extraction.OK, "bare", code)
    return judge(problem, execute_programs([program], {problem.problem_id: problem}, pool, cache=cache)[0])


def test_the_form_is_read(tmp_path: Path) -> None:
    for language in IN_PROCESS:
        problem = problem_of(language, tmp_path)
        assert problem.judged_by is (JudgedBy.CASES if language == "python" else JudgedBy.IN_PROCESS)
        assert (problem.entry_point.lower(), problem.license) == ("addone", "MIT")
        assert LANGUAGES[language].title in problem.prompt if language != "python" else "Python" in problem.prompt


@pytest.mark.parametrize("language", IN_PROCESS)
def test_the_reference_passes_and_others_fail(
    language: str, present: None, tmp_path: Path, pool: SandboxPool, cache: Path
) -> None:
    problem = problem_of(language, tmp_path)
    right = verdict(problem, problem.reference, pool, cache)
    assert (right.label, right.cause) == (Label.PASSED, Cause.NONE), right
    wrong = verdict(problem, problem.reference.replace("+ 1", "+ 2"), pool, cache)
    expected = Cause.WRONG_VALUE if language == "python" else Cause.TEST_FAILED
    assert (wrong.label, wrong.cause) == (Label.FAILED, expected), wrong
    exit_early = HUMANEVAL[language].early_exit
    ended = verdict(problem, exit_early, pool, cache)
    assert (ended.label, ended.cause) == (Label.FAILED, Cause.EXITED), ended


_CASES = (Case("3 4\n", "7\n", "lines"), Case("10 -2\n", "8", "lines"))


def stdin_problem(language: str) -> Problem:
    return Problem(
        problem_id=f"{language}/stdin", source="jsonl", language=language, entry_point="", prompt="",
        continuation="", setup="", judged_by=JudgedBy.CASES, cases=_CASES,
        test_code="", reference="", level="", topic="", license="", interface=Interface.STDIN,
    )  # fmt: skip


@pytest.mark.nightly
@pytest.mark.parametrize("language", LANGUAGES)
def test_whole_programs_run_on_stdin(language: str, present: None, pool: SandboxPool, cache: Path) -> None:
    problem, code = stdin_problem(language), PROGRAMS_ON_STDIN[language]
    right = verdict(problem, code, pool, cache)
    assert (right.label, right.cause) == (Label.PASSED, Cause.NONE), right
    wrong = verdict(problem, code.replace("a + b", "a - b"), pool, cache)
    assert (wrong.label, wrong.cause) == (Label.FAILED, Cause.WRONG_VALUE), wrong


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("javascript", "class Box { plus(x) { return x + 1; } }"),
        ("javascript", "class Box { static plus(x) { return x + 1; } }"),
        ("cpp", "struct Box { int plus(int x) const { return x + 1; } };"),
        ("rust", "struct Box1;\nstruct Box2 {}\nimpl Box2 { fn plus(&self, x: u8) -> u8 { x + 1 } }"),
    ],
)
def test_an_entry_point_may_be_a_method(
    language: str, code: str, present: None, pool: SandboxPool, cache: Path
) -> None:
    asked = case_problem(language, [((1,), 2), ((41,), 42)], "Box.plus")
    assert verdict(asked, code, pool, cache).label is Label.PASSED


_SIGNATURES = {
    "javascript": "/*\nAdds one;\nexport it for tests.\n*/\nfunction f(x) { return x + 1; }\nmodule.exports = f;",
    "java": '@SuppressWarnings({"a", "b"})\nclass A {}\n@SuppressWarnings({"a", "b"})\n'
    "public class B { public int f(int x) { return x + 1; } }",
    "c": "typedef long long ll;\n#define num ll\nll f(num x) { return x + 1; }",
    "cpp": "static long f(long x, int y) { return x + y; }\nlong f(long x) { return f(x, 1); }",
    "rust": "struct Json(i64);\nfn show(j: Json) -> i64 { j.0 }\n"
    "fn argument(x: i64) -> Json { Json(x) }\nfn serve(x: i64) -> i64 { show(argument(x)) }\n"
    "fn f(x: i64) -> i64 { serve(x) + 1 }",
    "go": "func copy(x int) int { return x }\nfunc new(x int) *int { return &x }\nfunc print(x int) {}\n"
    "func f(x int) int { return copy(*new(x)) + 1 }",
}


@pytest.mark.nightly
@pytest.mark.parametrize("language", _SIGNATURES)
def test_names_and_signatures_are_the_solutions_own(
    language: str, present: None, pool: SandboxPool, cache: Path
) -> None:
    asked, code = case_problem(language, [((1,), 2), ((41,), 42)]), _SIGNATURES[language]
    assert verdict(asked, code, pool, cache).label is Label.PASSED
    assert (
        verdict(asked, code.replace("+ 1", "+ 2").replace("(x, 1)", "(x, 2)"), pool, cache).label is Label.FAILED
    )


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("cpp", "int f(int x, int y = 1) { return x + y; }", 2),
        ("cpp", "class Solution { public: int f(int x, int y = 1) { return x + y; } };", 2),
        ("c", "void f(char *s) { for (; *s; s++) *s += 1; }", "b"),
        ("c", "void f(const char *s) { }", None),
    ],
)
def test_what_else_a_signature_may_have(
    language: str, code: str, expected: object, present: None, pool: SandboxPool, cache: Path
) -> None:
    asked = case_problem(language, [(("a" if language == "c" else 1,), expected)])
    assert verdict(asked, code, pool, cache).label is Label.PASSED


@pytest.mark.parametrize(
    ("language", "code", "name"),
    [
        ("rust", "fn f(x: i64) -> i64 { let Some(y) = Some(x) else { return 0 }; y + 1 }", ""),
        ("rust", "use std::sync::LazyLock;\nfn f(x: i64) -> i64 { x + 1 }", ""),
        ("go", "func f(x int) int { return max(x, 0) + 1 }", "max"),
        ("go", 'import "slices"\nfunc f(x int) int { return slices.Max([]int{x}) + 1 }', "slices"),
        ("go", "func f(x int) int { for range 1 { x++ }; return x }", "cannot range over"),
        (
            "java",
            "import java.util.*;\nclass A { int f(int x) { return List.of(x).getFirst() + 1; } }",
            "getFirst",
        ),
        (
            "java",
            "class A { int f(Object x) { return switch (x) { case Integer i -> i + 1; default -> 0; }; } }",
            "",
        ),
        ("javascript", "const f = x => [x].toSorted()[0] + 1;", "toSorted"),
        ("typescript", "const f = (x: number): number => [x].toSorted()[0] + 1;", "toSorted"),
        (
            "typescript",
            "const k = {a: 1} satisfies object;\nconst f = (x: number): number => x + k.a;",
            "satisfies",
        ),
        (
            "typescript",
            "const id = <const T>(x: T): T => x;\nconst f = (x: number): number => id(x) + 1;",
            "const",
        ),
        ("javascript", "const f = x => x + Number(new Set([x]).isSubsetOf(new Set([x])));", "isSubsetOf"),
        (
            "cpp",
            "#include <algorithm>\n#include <functional>\n#include <vector>\n"
            "int f(int x) { return std::ranges::fold_left(std::vector{x, 1}, 0, std::plus{}); }",
            "fold_left",
        ),
        ("cpp", "#include <utility>\nint f(int x) { if consteval { return 0; } return x + 1; }", ""),
    ],
)
def test_what_only_a_later_version_has_is_no_fault(
    language: str, code: str, name: str, present: None, pool: SandboxPool, cache: Path
) -> None:
    found = verdict(case_problem(language, [((1,), 2)]), code, pool, cache)
    if found.label is not Label.PASSED:
        assert (found.label, found.cause) == (Label.UNDECIDED, Cause.MISSING_PACKAGE), found
        assert name in found.detail


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("c", "struct p { int x; };\nstruct p f(int x) { struct p q = {x + 1}; return q; }"),
        ("cpp", "template <class R, class T> R f(T x) { return x + 1; }"),
    ],
)
def test_a_signature_that_no_driver_can_call_proves_nothing(
    language: str, code: str, present: None, pool: SandboxPool, cache: Path
) -> None:
    found = verdict(case_problem(language, [((1,), 2)]), code, pool, cache)
    assert (found.label, found.cause) == (Label.UNDECIDED, Cause.UNKNOWN_SIGNATURE), found


@pytest.mark.nightly
@pytest.mark.parametrize("language", ["cpp"])
@pytest.mark.parametrize(
    ("code", "arguments", "expected"),
    [
        ("template <class T> T f(T x) { return x + 1; }", (1,), 2),
        ("template <class T> T f(T x) { return x + 2; }", (1,), None),
        ("class Solution { public: template <class T> T f(T x) { return x + 1; } };", (1,), 2),
        ("auto f(auto a, auto b) { return a + b; }", ("a", "b"), "ab"),
        ("auto f = [](auto a, auto b) { return a + b; };", (1.5, 1), 2.5),
        ("#include <vector>\ntemplate <class T>\nT f(const std::vector<T>& v) { return v.back(); }", ([1, 2],), 2),
        ("#include <map>\ntemplate <class M> int f(M& m) { return m.size(); }", ({"a": [1]},), 1),
    ],
)
def test_the_arguments_tell_the_types_of_a_template(
    language: str,
    code: str,
    arguments: tuple[object, ...],
    expected: object,
    present: None,
    pool: SandboxPool,
    cache: Path,
) -> None:
    found = verdict(case_problem(language, [(arguments, 2 if expected is None else expected)]), code, pool, cache)
    assert found.label is (Label.FAILED if expected is None else Label.PASSED), found


UNSETTLED = """
const assert = require('assert');
(async () => { assert.strictEqual(await f(1), 2); })();
"""
THEN = "f(1).then(x => { if (x !== 2) process.exit(1); });"
RACE = "if (await Promise.race([new Promise(() => {}), f(1)]) !== 2) process.exit(1);"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "test_code", "cause", "detail"),
    [
        ("javascript", "test('one', () => { expect(f(1)).toBe(2); });", Cause.MISSING_PACKAGE, "jest"),
        ("typescript", "describe('f', () => { it('one', () => { if (f(1) !== 2) throw 1; }); });",
         Cause.MISSING_PACKAGE, "mocha"),
        ("bash", '@test "one" {\n  run f 1\n  [ "$output" = 2 ]\n}\n', Cause.MISSING_PACKAGE, "bats"),
        ("bash", 'test_f() { assertEquals 2 "$(f 1)"; }\n. shunit2\n', Cause.MISSING_PACKAGE, "shunit2"),
        ("go", 'import "github.com/stretchr/testify/assert"\nfunc TestF(t *testing.T) { assert.Zero(t, f(1)) }',
         Cause.MISSING_PACKAGE, "assert.Zero"),
        ("go", "func same() bool { return f(1) == 2 }", Cause.UNKNOWN_SIGNATURE, "no function Test"),
        ("rust", "#[test]\nfn t() { let n: i64 = rand::random(); f(n); }", Cause.MISSING_PACKAGE, "rand"),
        ("rust", "assert_eq!(f(1), 2);", Cause.UNKNOWN_SIGNATURE, "no function under"),
        ("c", "assert(f(1) == 2);", Cause.UNKNOWN_SIGNATURE, "no main"),
        ("cpp", "assert(f(1) == 2);", Cause.UNKNOWN_SIGNATURE, "no main"),
        ("java", "assert f(1) == 2;", Cause.UNKNOWN_SIGNATURE, "no main"),
    ],
)  # fmt: skip
def test_tests_that_only_a_runner_can_run_prove_nothing(
    language: str, test_code: str, cause: Cause, detail: str, present: None, pool: SandboxPool, cache: Path
) -> None:
    problem = replace(case_problem(language, []), cases=(), judged_by=JudgedBy.IN_PROCESS, test_code=test_code)
    found = verdict(problem, ANSWERS[language].function.replace("OP", "+"), pool, cache)
    assert (found.label, found.cause) == (Label.UNDECIDED, cause), found
    assert detail in found.detail


@pytest.mark.parametrize("language", ["javascript"])
@pytest.mark.parametrize(
    ("tests", "code", "label"),
    [
        (UNSETTLED, "const f = async x => x + 1;", Label.PASSED),
        (UNSETTLED, "const f = async x => x;", Label.FAILED),
        (UNSETTLED, "const f = x => new Promise(() => {});", Label.UNDECIDED),
        (THEN, "const f = async x => x + 1;", Label.PASSED),
        (THEN, "const f = x => new Promise(() => {});", Label.UNDECIDED),
        ("await f(1);", "const f = x => new Promise(() => {});", Label.FAILED),
        # What the solution or the tests never meant to settle holds nobody up.
        (UNSETTLED, "new Promise(() => {}).then(() => {});\nconst f = async x => x + 1;", Label.PASSED),
        (RACE, "const f = async x => x + 1;", Label.PASSED),
    ],
)
def test_a_promise_of_the_tests_that_never_settles_passes_nothing(
    language: str, tests: str, code: str, label: Label, present: None, pool: SandboxPool, cache: Path
) -> None:
    problem = Problem(
        problem_id="p", source="jsonl", language=language, entry_point="f", prompt="", continuation="", setup="",
        judged_by=JudgedBy.IN_PROCESS, cases=(), test_code=tests, reference="", level="", topic="", license="",
    )  # fmt: skip
    found = verdict(problem, code, pool, cache)
    assert found.label is label, found


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("bash", "x=aaaaaaaa; while :; do x=$x$x; done"),
        ("cpp", "#include <vector>\nint main() { std::vector<int> v; for (;;) v.push_back(1); }"),
        ("javascript", "const x = []; for (;;) x.push(new Array(1 << 20).fill(0.5));"),
    ],
)
def test_a_whole_program_without_memory_has_that_cause(
    language: str, code: str, present: None, pool: SandboxPool, cache: Path
) -> None:
    problem = replace(
        case_problem(language, []),
        interface=Interface.STDIN,
        entry_point="",
        cases=(Case(encode_value("1"), encode_value("1"), compare="tokens"),),
    )
    found = verdict(problem, code, pool, cache)
    assert (found.label, found.cause) == (Label.FAILED, Cause.MEMORY), found


def test_python_tests_can_run_in_process_too(pool: SandboxPool) -> None:
    asked = Problem(
        problem_id="p", source="jsonl", language="python", entry_point="f", prompt="", continuation="", setup="",
        judged_by=JudgedBy.IN_PROCESS, cases=(), test_code="assert f(1) == 2", reference="", level="", topic="",
        license="",
    )  # fmt: skip
    for code, label, cause in (
        ("def f(x): return x + 1", Label.PASSED, Cause.NONE),
        ("def f(x): return x", Label.FAILED, Cause.TEST_FAILED),
        ("import sys\ndef f(x): sys.exit(0)", Label.FAILED, Cause.EXITED),
        ("import os\ndef f(x): os._exit(0)", Label.FAILED, Cause.EXITED),
        ("def pairsmith_tests(): return None\ndef f(x): raise KeyError", Label.FAILED, Cause.TEST_FAILED),
    ):
        program = Program("c", "p", Extraction.OK, "bare", code)
        found = judge(asked, execute_programs([program], {"p": asked}, pool)[0])
        assert (found.label, found.cause) == (label, cause), (code, found)


_ASYNC = "(async () => { assert.strictEqual(await f(1), 2); })()"
_PLAIN = "assert.strictEqual(f(1), 2)"
_LATER = "setTimeout(() => assert.strictEqual(f(1), 2), 1)"
_CAUGHT = _ASYNC + ".catch(() => process.exit(1))"


@pytest.mark.parametrize(
    ("tests", "code", "label"),
    [
        (_PLAIN, "const f = x => process.exit(0)", Label.FAILED),
        (_PLAIN, "require('assert').strictEqual = x => x; const f = x => 1", Label.FAILED),
        (_ASYNC, "process.on('unhandledRejection', () => {}); const f = async x => 1", Label.FAILED),
        (_CAUGHT, "Promise.prototype.catch = function () {}; const f = async x => 1", Label.FAILED),
        (_CAUGHT, "setTimeout(() => process.exit(0), 1); const f = x => new Promise(() => {})", Label.FAILED),
        (_LATER, "process.on('uncaughtException', () => {}); const f = x => 1", Label.FAILED),
        (_ASYNC, "Promise.prototype.own = 3; const f = async x => x + 1", Label.PASSED),
        ("(async () => { await assert.rejects(f(1), /no/); })()", "const f = async x => { throw Error('no'); }",
         Label.PASSED),
    ],
)  # fmt: skip
def test_a_solution_in_javascript_ends_no_test_and_hides_no_failure(
    tests: str, code: str, label: Label, require_language: Callable[[str], None], pool: SandboxPool, cache: Path
) -> None:
    require_language("javascript")
    asked = replace(
        case_problem("javascript", []),
        judged_by=JudgedBy.IN_PROCESS,
        test_code=f"const assert = require('assert');\n{tests};\n",
    )
    found = verdict(asked, code, pool, cache)
    assert found.label is label, found


def test_values_are_told_from_texts() -> None:
    assert encode_value(None) == "null"  # what the driver says behind the tests


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "due"),
    [
        ("func f(x int) int { return x + 1 }", (Label.PASSED, Cause.NONE)),
        ('import "fmt"\nfunc f(x int) int { fmt.Sprint(x); return x + 1 }', (Label.PASSED, Cause.NONE)),
        ('import _ "fmt"\nfunc f(x int) int { return x + 1 }', (Label.PASSED, Cause.NONE)),
        ('import "fmt"\nfunc f(x int) int { return x + 1 }', (Label.FAILED, Cause.COMPILE_ERROR)),
        ("func f(x int) int { return int(math.Abs(float64(x))) + 1 }", (Label.FAILED, Cause.COMPILE_ERROR)),
    ],
)
def test_an_unused_import_is_the_solutions_fault(
    code: str, due: tuple[Label, Cause], require_language: Callable[[str], None], pool: SandboxPool, cache: Path
) -> None:
    require_language("go")
    tests = 'import "testing"\nfunc TestF(t *testing.T) { if f(1) != 2 { t.Fail() } }'
    problem = replace(case_problem("go", []), judged_by=JudgedBy.IN_PROCESS, test_code=tests)
    found = verdict(problem, code, pool, cache)
    assert (found.label, found.cause) == due, found
    given = replace(problem, setup='import (\n    "fmt"\n    "math"\n)\n')  # as HumanEvalPack's and HumanEval-X's
    assert verdict(given, code, pool, cache).label is Label.PASSED


def test_functions_that_only_the_prompt_holds_are_part_of_the_reference(tmp_path: Path) -> None:
    row = {
        "task_id": "Go/10",
        "prompt": "func half(x int) int { return x / 2 }\n\n// Return a quarter.\nfunc quarter(x int) int {\n",
        "declaration": "\nfunc quarter(x int) int {\n",
        "canonical_solution": "    return half(half(x))\n}\n",
        "test": "func TestIt(t *testing.T) { if quarter(8) != 2 { t.Fail() } }\n",
    }
    path = tmp_path / "go.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (found,) = load_humanevalpack(ProblemsConfig(source="humanevalpack", path=path))
    assert isinstance(found.outcome, Problem)
    assert found.outcome.entry_point == "quarter"
    assert found.outcome.reference == row["prompt"] + row["canonical_solution"]
