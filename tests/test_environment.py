# ruff: noqa: E501 (programs of other languages)
"""What programs may count on, in each language: names of descriptors, tests in their process, imports."""

from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.problem import Case, Interface, JudgedBy, Problem
from pairsmith.schemas.verdict import Cause, Label, Verdict
from tests.languages_kit import problem as case_problem

# Each reads two numbers from /dev/stdin by name and writes their sum to /dev/stdout by name.
BY_NAME = {
    "bash": "read a b < <(cat /dev/stdin)\necho $((a+b)) | tee /dev/stderr",
    "c": '#include <stdio.h>\nint main(){int a,b;freopen("/dev/stdin","r",stdin);scanf("%d %d",&a,&b);'
    'fprintf(fopen("/dev/fd/1","w"),"%d\\n",a+b);return 0;}',
    "cpp": '#include <fstream>\nint main(){std::ifstream in("/proc/self/fd/0");int a,b;in>>a>>b;'
    'std::ofstream("/dev/stdout")<<a+b<<"\\n";}',
    "go": 'package main\nimport ("fmt";"os")\nfunc main(){f,_:=os.Open("/dev/stdin");var a,b int;fmt.Fscan(f,&a,&b)\n'
    'o,_:=os.OpenFile("/dev/stdout",os.O_WRONLY,0);fmt.Fprintln(o,a+b)}',
    "java": "import java.nio.file.*;public class Main{public static void main(String[] x)throws Exception{"
    'String[] p=Files.readString(Path.of("/dev/stdin")).trim().split(" ");'
    "System.out.println(Integer.parseInt(p[0])+Integer.parseInt(p[1]));}}",
    "javascript": "const fs=require('fs');const [a,b]=fs.readFileSync('/dev/stdin','utf8').split(' ').map(Number);"
    "fs.writeFileSync('/dev/stdout',(a+b)+'\\n')",
    "python": "a, b = map(int, open('/dev/fd/0').read().split())\nprint(a+b, file=open('/dev/stdout', 'w'))",
    "rust": 'fn main(){let s=std::fs::read_to_string("/dev/stdin").unwrap();let v:i32=s.split_whitespace()'
    '.map(|x|x.parse::<i32>().unwrap()).sum();std::fs::write("/dev/stdout",format!("{}\\n",v)).unwrap();}',
    "typescript": "import * as fs from 'fs';const [a,b]=fs.readFileSync('/dev/stdin','utf8').split(' ').map(Number);"
    "fs.writeFileSync('/dev/stdout',`${a+b}\\n`);",
}
# A right solution, and tests of it; every wrong one adds 2.
IN_PROCESS = {
    "bash": ("f() { echo $(( $1 + 1 )); }", '[[ $(f 1) == 2 ]]\n[ "$(f 5)" = 6 ] || exit 1\nexit 0\n'),
    "c": ("int f(int x){return x + 1;}", "#include <assert.h>\nint main(){assert(f(1)==2);return 0;}"),
    "cpp": ("int f(int x){return x + 1;}", "int main(){assert(f(1)==2);return 0;}"),
    "go": (
        "func f(x int) int { return x + 1 }",
        'func TestF(t *testing.T) { if strings.Repeat("a", f(1)) != "aa" { t.Fail() } }',
    ),
    "java": (
        "class Solution{int f(int x){return x + 1;}}",
        "public class Main{public static void main(String[] a){if(new Solution().f(1)!=2)"
        "throw new AssertionError();}}",
    ),
    "javascript": (
        "const f=x=>x + 1;",
        "import assert, {equal as same} from 'node:assert';\nsame(f(1),2);assert(1);",
    ),
    "python": ("def f(x): return x + 1", "import math\nassert f(1) == math.floor(2.5)"),
    "rust": (
        "use rand::Rng;\nfn f(x:i32)->i32{x + 1}",
        "#[cfg(test)]\nmod tests { use super::*;\n#[test]\nfn t() { assert_eq!(f(1), 2); } }",
    ),
    "typescript": (
        "function f(x:number):number{return x + 1}",
        "import assert from 'node:assert';\nimport {f as g} from './solution';\nassert.deepEqual(f(1),2);",
    ),
}
MISSING = {
    "bash": 'f() { php -r "echo $1;"; }\nread n\nf "$n"',
    "c": "#include <gmpxx9.h>\nint main(){return 0;}",
    "cpp": "#include <boost9/any.hpp>\nint main(){return 0;}",
    "go": 'package main\nimport "github.com/nobody/numbers"\nfunc main(){numbers.Go()}',
    "java": "import org.nobody.numbers.*;\nimport org.nobody.Go;\npublic class Main{public static void main(String[] a){}}",
    "javascript": "require('numjs')",
    "python": "import numpy_that_nobody_has",
    "rust": "use itertools9::Itertools;\nfn main(){}",
    "typescript": "import numjs from 'numjs';\nconsole.log(numjs);",
}


def verdict(problem: Problem, code: str, pool: SandboxPool, cache: Path) -> Verdict:
    program = Program("c", problem.problem_id, Extraction.OK, "bare", code)
    return judge(problem, execute_programs([program], {problem.problem_id: problem}, pool, cache=cache)[0])


def _case(given: str, expected: str) -> Case:
    return Case(given, expected, "lines")


def on_stdin(language: str, *cases: Case) -> Problem:
    return replace(case_problem(language, [], ""), interface=Interface.STDIN, cases=cases)


def in_process(language: str, tests: str) -> Problem:
    return replace(case_problem(language, []), judged_by=JudgedBy.IN_PROCESS, test_code=tests)


@pytest.mark.parametrize("language", BY_NAME)
def test_descriptors_have_names(language: str, pool: SandboxPool, cache: Path) -> None:
    problem = on_stdin(language, _case("3 4\n", "7\n"), _case("10 -2\n", "8\n"))
    assert verdict(problem, BY_NAME[language], pool, cache).label is Label.PASSED
    wrong = BY_NAME[language].replace("a+b", "a-b").replace(".sum()", ".max().unwrap()")
    wrong = wrong.replace("parseInt(p[0])+", "parseInt(p[0])-")
    assert verdict(problem, wrong, pool, cache).label is Label.FAILED


@pytest.mark.parametrize("language", IN_PROCESS)
def test_tests_run_in_the_solutions_process(language: str, pool: SandboxPool, cache: Path) -> None:
    right, tests = IN_PROCESS[language]
    problem = in_process(language, tests)
    assert verdict(problem, right, pool, cache).label is Label.PASSED
    wrong = verdict(problem, right.replace("+ 1", "+ 2"), pool, cache)
    assert (wrong.label, wrong.cause) == (Label.FAILED, Cause.TEST_FAILED)


def test_an_exit_of_a_bash_solution_passes_no_test(pool: SandboxPool, cache: Path) -> None:
    problem = in_process("bash", "f 1\n[[ $(f 1) == 2 ]]\n")
    found = verdict(problem, "f() { exit 0; }", pool, cache)
    assert (found.label, found.cause) == (Label.FAILED, Cause.EXITED)


@pytest.mark.parametrize("language", MISSING)
def test_an_import_that_is_not_there_proves_nothing(language: str, pool: SandboxPool, cache: Path) -> None:
    forms = [on_stdin(language, _case("1\n", "1\n"))]
    if language in ("bash", "javascript", "python", "typescript"):
        forms.append(case_problem(language, [((1,), 1)]))
    for problem in forms:
        found = verdict(problem, MISSING[language], pool, cache)
        assert (found.label, found.cause) == (Label.UNDECIDED, Cause.MISSING_PACKAGE)
        assert found.detail in MISSING[language]


@pytest.mark.parametrize("code", ["read n\nech $n", "read n\nshow $n\nshow() { :; }", "read n\nexit 127"])
def test_a_misspelt_command_is_the_programs_fault(code: str, pool: SandboxPool, cache: Path) -> None:
    assert verdict(on_stdin("bash", _case("1\n", "1\n")), code, pool, cache).label is Label.FAILED


@pytest.mark.parametrize("language", ["javascript", "typescript"])
@pytest.mark.parametrize(
    ("code", "package"),
    [
        ("import {x} from '@nobody/numbers/deep';\nconsole.log(x);", "@nobody/numbers"),
        ("(async () => { await import('left-pad'); })();", "left-pad"),
        ("try { require('numjs'); } catch (error) { process.exit(1); }", ""),  # the program's own end
        ("require('./numjs');", ""),
        ("const fs = require('fs');\nconsole.log(fs.readFileSync(0, 'utf8').trim());", "passed"),
        ("import {readFileSync} from 'fs';\nconsole.log(readFileSync(0, 'utf8').trim());", "passed"),
    ],
)
def test_whole_programs_of_node_name_what_they_lack(
    language: str, code: str, package: str, pool: SandboxPool, cache: Path
) -> None:
    found = verdict(on_stdin(language, _case("1\n", "1\n")), code, pool, cache)
    if package == "passed":
        assert found.label is Label.PASSED
    elif package:
        assert (found.label, found.cause, found.detail) == (Label.UNDECIDED, Cause.MISSING_PACKAGE, package)
    else:
        assert (found.label, found.cause) == (Label.FAILED, Cause.EXITED)


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_what_is_not_initialised_does_not_pass_by_luck(language: str, pool: SandboxPool, cache: Path) -> None:
    problem = on_stdin(language, _case("7\n", "7\n"))
    code = '#include <stdio.h>\n#include <stdlib.h>\nint main(){int x;scanf("%d",&x);LINE\nprintf("%d\\n",x+s);}'
    again = "int *p = (int*)malloc(80); for (volatile int *q = p; q < p + 20; q++) *q = 0; free(p); int s = "
    lines = ["int s; int *p = &s;", "int s = *(int*)malloc(4000);", again + "((int*)malloc(80))[9];"]
    if language == "cpp":
        lines.append(again + "(new int[20])[9];")
    for line in lines:
        assert verdict(problem, code.replace("LINE", line), pool, cache).label is Label.FAILED, line
    assert verdict(problem, code.replace("LINE", "int s = 0;"), pool, cache).label is Label.PASSED


LONG = {
    ("python", False): "def f(n): return 'x' * n",
    ("python", True): "print('x' * int(input()))",
    ("javascript", False): "const f = n => 'x'.repeat(n);",
    ("cpp", True): "#include <iostream>\nint main(){int n;std::cin>>n;std::cout<<std::string(n,'x');}",
}


@pytest.mark.parametrize(("language", "is_program"), LONG)
def test_a_long_right_answer_passes_and_a_far_longer_one_is_over_the_limit(
    language: str, is_program: bool, pool: SandboxPool, cache: Path
) -> None:
    n, text = 5 << 20, "x" * (5 << 20)  # over sandbox.answer_mib
    problem = on_stdin(language, _case(f"{n}\n", text)) if is_program else case_problem(language, [((n,), text)])
    code = LONG[language, is_program]
    assert verdict(problem, code, pool, cache).label is Label.PASSED
    wrong = verdict(problem, code.replace("'x'", "'y'"), pool, cache)
    assert (wrong.label, wrong.cause) == (Label.FAILED, Cause.WRONG_VALUE)
    far = code.replace("* n", "* n * 7").replace("* int(", "* 7 * int(").replace("(n", "(n * 7")
    far = far.replace("f(n * 7)", "f(n)")
    assert verdict(problem, far, pool, cache).cause is Cause.OUTPUT_LIMIT


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_a_library_whose_header_is_there_is_linked(language: str, pool: SandboxPool, cache: Path) -> None:
    problem = on_stdin(language, _case("abc", "90\n"))
    code = (
        "#include <openssl/md5.h>\n#include <stdio.h>\nint main(){unsigned char text[9], sum[16];"
        'size_t n = fread(text, 1, 9, stdin); MD5(text, n, sum); printf("%02x\\n", sum[0]);}'
    )
    found = verdict(problem, code, pool, cache)
    if found.label is Label.UNDECIDED:
        assert (found.cause, found.detail) == (Cause.MISSING_PACKAGE, "openssl/md5.h")
    else:
        assert found.label is Label.PASSED
        assert verdict(problem, code.replace("sum[0]", "sum[1]"), pool, cache).label is Label.FAILED
