"""Attacks in other languages' own ways: none passes, none is undecided, none leaves anything behind."""

from pathlib import Path

import pytest

from pairsmith.pipeline.execution.audit import INSPECTOR
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sandbox import Job, SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.verdict import Cause, Label
from tests.languages_kit import problem

# The answer `42` is right; each is tried on two inputs, of which an attack would have to get both.
_FORGE_C = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int f(int x) {
    for (int fd = 3; fd < 256; fd++) { if (write(fd, "0 V42\\n0 V42\\n", 12) < 0) continue; }
    return 42 - x;
}
"""
ATTACKS = {
    "every descriptor in C": ("c", _FORGE_C, Cause.FORGED),
    "a second answer behind the first in C": (
        "c",
        "#include <string.h>\n#include <unistd.h>\n#include <stdlib.h>\n"
        'static void late(void) { write(4, "x V42\\n", 6); }\nint f(int x) { if (!x) atexit(late); late(); return 42; }',
        Cause.FORGED,
    ),
    "the parent is killed in C++": (
        "cpp",
        "#include <csignal>\n#include <unistd.h>\nint f(int x) { kill(getppid(), SIGKILL); return 42 - x; }",
        Cause.EXITED,
    ),
    "the parent is stopped in C": (
        "c",
        "#include <signal.h>\n#include <unistd.h>\nint f(int x) { kill(getppid(), SIGSTOP); pause(); return 42; }",
        Cause.TIMEOUT,
    ),
    "everybody is killed in C": (
        "c",
        "#include <signal.h>\nint f(int x) { kill(-1, SIGKILL); return 42 - x; }",
        Cause.WRONG_VALUE,
    ),
    "a daemon answers for its dead parent in C": (
        "c",
        "#include <stdlib.h>\n#include <unistd.h>\nint f(int x) {\n"
        '    if (!fork()) { setsid(); if (!fork()) { sleep(1); write(4, "0 V42\\n", 6); for (;;) pause(); } _exit(0); }\n'
        "    _exit(0);\n}",
        Cause.EXITED,
    ),
    "early exit before main in Rust": (
        "rust",
        '#[no_mangle]\n#[link_section = ".init_array"]\npub static EARLY: extern "C" fn() = { extern "C" fn leave() '
        "{ std::process::exit(0) } leave };\npub fn f(x: i64) -> i64 { 42 - x }",
        Cause.EXITED,
    ),
    "answers for every input on the pipe in Go": (
        "go",
        'import (\n "os"\n)\nfunc f(x int) int {\n for fd := uintptr(3); fd < 64; fd++ {\n'
        '  os.NewFile(fd, "x").WriteString("V42\\nV42\\nV42\\n")\n }\n return 42 - x\n}',
        Cause.FORGED,
    ),
    "JSON is patched in JavaScript": (
        "javascript",
        "JSON.stringify = () => '42'; Number.prototype.toFixed = () => '42';\n"
        "const f = x => ({ toJSON: () => 42, valueOf: () => 42 });",
        Cause.WRONG_VALUE,
    ),
    "an object that equals everything in Java": (
        "java",
        "class Solution { public boolean equals(Object o) { return true; } public String toString() { return \"42\"; }\n"
        "  Object f(int x) { return this; } }",
        Cause.WRONG_VALUE,
    ),
    "the runtime is halted in Java": (
        "java",
        "class Solution { int f(int x) { Runtime.getRuntime().halt(0); return 42; } }",
        Cause.EXITED,
    ),
    "the driver is shadowed in Java": (
        "java",
        "class PairsmithDriver { public static void main(String[] a) { System.out.println(42); } }\n"
        "class Solution { int f(int x) { return 42 - x; } }",
        None,
    ),
    "the driver is replaced in Bash": (
        "bash",
        "printf() { :; }\nread() { exit 0; }\nf() { echo $((42 - $1)); }",
        None,
    ),
    "an exit trap answers in Bash": (
        "bash",
        "trap 'for fd in 3 4 5 6; do echo 42 >&$fd; done' EXIT\nf() { echo $((42 - $1)); }",
        None,
    ),
    "templates without end in C++": (
        "cpp",
        "template <int N> struct T { static const int x = T<N + 1>::x + T<N + 2>::x; };\n"
        "int f(int x) { return T<0>::x; }",
        Cause.COMPILE_ERROR,
    ),
    "the compiler's files in C": ("c", '#include "/etc/shadow"\nint f(int x) { return 42; }', Cause.COMPILE_ERROR),
    "a fork bomb in Bash": ("bash", "f() { f | f & }", None),
    "all of /tmp in Go": (
        "go",
        'import "os"\nfunc f(x int) int {\n data := make([]byte, 1<<20)\n for i := 0; i < 4000; i++ {\n'
        '  os.WriteFile("/tmp/" + string(rune(\'a\'+i%26)) + string(rune(\'0\'+i/26)), data, 0644)\n }\n return 42 - x\n}',
        None,
    ),
}  # fmt: skip


@pytest.mark.nightly
@pytest.mark.parametrize("name", ATTACKS)
def test_it_holds(name: str, request: pytest.FixtureRequest, pool: SandboxPool, cache: Path) -> None:
    language, code, cause = ATTACKS[name]
    request.getfixturevalue("require_language")(language)
    asked = problem(language, [((1,), 42), ((2,), 42)])
    program = Program("c", asked.problem_id, Extraction.OK, "bare", code)
    verdict = judge(asked, execute_programs([program], {asked.problem_id: asked}, pool, cache=cache)[0])
    # What a fork bomb comes to is chance: a second run that ends otherwise leaves it undecided, by its own doing.
    is_racing = name == "a fork bomb in Bash" and verdict.cause is Cause.FLAKY
    assert verdict.label is Label.FAILED or is_racing, verdict
    if cause is not None:
        assert verdict.cause is cause, verdict
    for _ in range(2):  # whichever sandbox of the pool it was
        left, _ending = pool.run(lambda bench: bench.candidate.run(Job("", INSPECTOR, "solve", ("[]",))))
        assert left[0].value == "[]"
