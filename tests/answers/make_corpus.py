"""Writes `answers.jsonl`: answers in nine languages whose right label is known by how they were made.

Every program here is f(n) = n + 1 (right) or f(n) = n - 1 (wrong), on its face; a shape says which of them is the
answer. Nothing of the product decides a label. Run it after a change: `python tests/answers/make_corpus.py`.
"""

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Programs(NamedTuple):
    """A language's programs: a function that adds one, with `+` in the place of OP, and one on stdin."""

    tag: str
    function: str
    other: str
    on_stdin: str


LANGUAGES = {
    "python": Programs(
        "python",
        "def f(n):\n    return n OP 1\n",
        "def f(n):\n    one = 1\n    return n OP one\n",
        "n = int(input())\nprint(n OP 1)\n",
    ),
    "javascript": Programs(
        "javascript",
        "function f(n) {\n  return n OP 1;\n}\n",
        "const f = (n) => n OP 1;\n",
        'const n = Number(require("fs").readFileSync(0, "utf8"));\nconsole.log(n OP 1);\n',
    ),
    "typescript": Programs(
        "typescript",
        "function f(n: number): number {\n  return n OP 1;\n}\n",
        "const f = (n: number): number => n OP 1;\n",
        'const n = Number(require("fs").readFileSync(0, "utf8"));\nconsole.log(n OP 1);\n',
    ),
    "java": Programs(
        "java",
        "class Solution {\n    static int f(int n) {\n        return n OP 1;\n    }\n}\n",
        "class Solution {\n    public int f(int n) {\n        int one = 1;\n        return n OP one;\n    }\n}\n",
        "import java.util.Scanner;\n\nclass Main {\n    public static void main(String[] given) {\n"
        "        System.out.println(new Scanner(System.in).nextInt() OP 1);\n    }\n}\n",
    ),
    "cpp": Programs(
        "cpp",
        "int f(int n) {\n    return n OP 1;\n}\n",
        "int f(int n) {\n    int one = 1;\n    return n OP one;\n}\n",
        "#include <iostream>\n\nint main() {\n    int n;\n    std::cin >> n;\n    std::cout << (n OP 1);\n}\n",
    ),
    "c": Programs(
        "c",
        "int f(int n) {\n    return n OP 1;\n}\n",
        "int f(int n) {\n    int one = 1;\n    return n OP one;\n}\n",
        '#include <stdio.h>\n\nint main(void) {\n    int n;\n    scanf("%d", &n);\n    printf("%d", n OP 1);\n}\n',
    ),
    "go": Programs(
        "go",
        "package main\n\nfunc f(n int) int {\n\treturn n OP 1\n}\n",
        "package main\n\nfunc f(n int) int {\n\tone := 1\n\treturn n OP one\n}\n",
        'package main\n\nimport "fmt"\n\nfunc main() {\n\tvar n int\n\tfmt.Scan(&n)\n\tfmt.Println(n OP 1)\n}\n',
    ),
    "rust": Programs(
        "rust",
        "fn f(n: i64) -> i64 {\n    n OP 1\n}\n",
        "fn f(n: i64) -> i64 {\n    let one = 1;\n    n OP one\n}\n",
        "use std::io;\n\nfn main() {\n    let mut text = String::new();\n"
        "    io::stdin().read_line(&mut text).unwrap();\n"
        '    println!("{}", text.trim().parse::<i64>().unwrap() OP 1);\n}\n',
    ),
    "bash": Programs(
        "bash",
        "f() {\n  echo $(($1 OP 1))\n}\n",
        "f() {\n  local one=1\n  echo $(($1 OP one))\n}\n",
        "read n\necho $((n OP 1))\n",
    ),
}
# The line that does the work, as models quote it when they explain or change it.
LINES = {
    "python": "    return n OP 1\n", "javascript": "  return n OP 1;\n", "typescript": "  return n OP 1;\n",
    "java": "        return n OP 1;\n", "cpp": "    return n OP 1;\n", "c": "    return n OP 1;\n",
    "go": "\treturn n OP 1\n", "rust": "    n OP 1\n", "bash": "  echo $(($1 OP 1))\n",
}  # fmt: skip
# A program in three parts, each of which needs the ones before it.
PARTS = {
    'javascript': ('const K = [];\nfor (let i = 0; i < 60; i++) {\n  K.push(i OP 1);\n}\n', 'function helper(n) {\n  return K[n];\n}\n', 'function f(n) {\n  return helper(n);\n}\n'),
    'typescript': ('const K: number[] = [];\nfor (let i = 0; i < 60; i++) {\n  K.push(i OP 1);\n}\n', 'function helper(n: number): number {\n  return K[n];\n}\n', 'function f(n: number): number {\n  return helper(n);\n}\n'),
    'cpp': ('#include <vector>\nusing namespace std;\n', 'static vector<int> make() {\n    vector<int> t;\n    for (int i = 0; i < 60; i++) t.push_back(i OP 1);\n    return t;\n}\nstatic const vector<int> K = make();\n', 'int f(int n) {\n    return K[n];\n}\n'),
    'c': ('#include <stdlib.h>\n#define ONE (OP 1)\n', 'static int helper(int n) {\n    return n + ONE;\n}\n', 'int f(int n) {\n    return helper(n);\n}\n'),
    'go': ('package main\n\nvar k []int\n\nfunc init() {\n\tfor i := 0; i < 60; i++ {\n\t\tk = append(k, i OP 1)\n\t}\n}\n', 'func helper(n int) int {\n\treturn k[n]\n}\n', 'func f(n int) int {\n\treturn helper(n)\n}\n'),
    'rust': ('use std::collections::HashMap;\n', 'fn table() -> HashMap<i64, i64> {\n    (0..60).map(|i| (i, i OP 1)).collect()\n}\n', 'fn f(n: i64) -> i64 {\n    table()[&n]\n}\n'),
    'java': ('import java.util.*;\n', 'class Helper {\n    static final List<Integer> K = new ArrayList<>();\n    static {\n        for (int i = 0; i < 60; i++) K.add(i OP 1);\n    }\n}\n', 'class Solution {\n    static int f(int n) {\n        return Helper.K.get(n);\n    }\n}\n'),
    'bash': ('K=()\nfor i in {0..59}; do\n  K+=($((i OP 1)))\ndone\n', 'helper() {\n  echo "${K[$1]}"\n}\n', 'f() {\n  helper "$1"\n}\n'),
    'python': ('K = []\nfor i in range(60):\n    K.append(i OP 1)\n', 'def helper(n):\n    return K[n]\n', 'def f(n):\n    return helper(n)\n'),
}  # fmt: skip
END_MARKS = ("<|im_end|>", "</s>", "<end_of_turn>", "<\uff5cend\u2581of\u2581sentence\uff5c>")
MARKS = {
    "think": ("<think>\n", "\n</think>\n\n"),
    "thinking": ("<thinking>\n", "\n</thinking>\n"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "magistral": ("[THINK]", "[/THINK]"),
    "harmony": ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    "lone closing": ("", "\n</think>\n\n"),
}
# Programs that do something while they load; the label is what the plain interpreter or compiler gives for f.
LOADS = {
    "filled by a bound method": ("T = []\nadd = T.append\nfor i in range(99):\n    add(i + 1)\n\ndef f(n):\n    return T[n]\n", "passed"),
    "filled by map": ("T = []\nlist(map(T.append, range(1, 99)))\n\ndef f(n):\n    return T[n]\n", "passed"),
    "globals": ("globals()['k'] = 1\n\ndef f(n):\n    return n + k\n", "passed"),
    "registry": ("R = {}\n\ndef put(g):\n    R[g.__name__] = g\n    return g\n\n@put\ndef g(n):\n    return n + 1\n\ndef f(n):\n    return R['g'](n)\n", "passed"),
    "setattr": ("class A:\n    pass\n\nsetattr(A, 'k', 1)\n\ndef f(n):\n    return n + A.k\n", "passed"),
    "guard is not run": ("def f(n):\n    return n + 1\n\nif __name__ == '__main__':\n    f = None\n", "passed"),
    "own wrong assertion": ("def f(n):\n    return n + 1\n\nassert f(1) == 3\n", "passed"),
    "demonstration reads input": ("def f(n):\n    return n + 1\n\nprint(f(int(input())))\n", "passed"),
    "demonstration evaluates input": ("def f(n):\n    return n + 1\n\nwhile True:\n    s = input('n: ')\n    print(f(eval(s)))\n", "passed"),
    "demonstration evaluates a text": ("k = 0\n\ndef f(n):\n    return n + k\n\nk = eval('k + 1')\nassert k == 2\n", "passed"),
    "demonstration needs a package": ("def f(n):\n    return n + 1\n\nimport no_such_package_xyz\nno_such_package_xyz.show(f(1))\n", "passed"),
    "runs its tests": (
        "import unittest\n\ndef f(n):\n    return n + 1\n\nclass TestF(unittest.TestCase):\n"
        "    def test_f(self):\n        self.assertEqual(f(1), 3)\n\nunittest.main()\n",
        "passed",
    ),
    "runs its tests, wrong": (
        "import unittest\n\ndef f(n):\n    return n - 1\n\nclass TestF(unittest.TestCase):\n"
        "    def test_f(self):\n        self.assertEqual(f(1), 0)\n\nunittest.main()\n",
        "failed",
    ),
    "reads a command line": (
        "import argparse\n\ndef f(n):\n    return n + 1\n\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('n', type=int)\nprint(f(parser.parse_args().n))\n",
        "passed",
    ),
    "exits by a test runner's result": (
        "import sys, unittest\n\ndef f(n):\n    return n + 1\n\nsys.exit(not unittest.TestResult().wasSuccessful())\n",
        "failed",
    ),
    "exits": ("def f(n):\n    return n + 1\n\nimport sys\nsys.exit()\n", "failed"),
    "raises": ("def f(n):\n    return n + 1\n\nraise SystemExit\n", "failed"),
    "raises an error": ("def f(n):\n    return n + 1\n\nraise ValueError('not done')\n", "failed"),
    "used before it is there": ("print(f(1))\n\ndef f(n):\n    return n + 1\n", "failed"),
    "redefined": ("def f(n):\n    return n + 1\n\nf = lambda n: n\n", "failed"),
    "redefined by globals": ("def f(n):\n    return n + 1\n\nglobals()['f'] = lambda n: n\n", "failed"),
    "redefined by exec": ("def f(n):\n    return n + 1\n\nexec('f = lambda n: n')\n", "failed"),
    "deleted": ("def f(n):\n    return n + 1\n\ndel f\n", "failed"),
    "wrapped": ("def f(n):\n    return n + 1\n\ndef bad(g):\n    return lambda n: 7\n\nf = bad(f)\n", "failed"),
    "metaclass registry": ('class M(type):\n    R = {}\n    def __new__(m, name, b, d):\n        c = super().__new__(m, name, b, d)\n        m.R[name] = c\n        return c\n\nclass One(metaclass=M):\n    k = 1\n\ndef f(n):\n    return n + M.R["One"].k\n', "passed"),
    "__init_subclass__": ('class Base:\n    R = []\n    def __init_subclass__(cls):\n        Base.R.append(cls)\n\nclass One(Base):\n    k = 1\n\ndef f(n):\n    return n + Base.R[0].k\n', "passed"),
    "singledispatch": ('from functools import singledispatch\n\n@singledispatch\ndef f(n):\n    raise TypeError\n\n@f.register\ndef _(n: int):\n    return n + 1\n', "passed"),
    "partial": ('from functools import partial\nfrom operator import add\nf = partial(add, 1)\n', "passed"),
    "del helper": ('def g(n):\n    return n + 1\n\ndef f(n):\n    return g(n)\n\ndel g\n', "failed"),
    "os._exit": ('import os\n\ndef f(n):\n    return n + 1\n\nos._exit(0)\n', "failed"),
    "future annotations": ('from __future__ import annotations\n\ndef f(n: NoSuch) -> NoSuch:\n    return n + 1\n', "passed"),
    "annotation that is missing": ('def f(n: NoSuch):\n    return n + 1\n', "failed"),
    "doctest wrong": ('def f(n):\n    """\n    >>> f(1)\n    3\n    """\n    return n + 1\n\nimport doctest\ndoctest.testmod()\n', "passed"),
    "walrus table": ('T = [y := i + 1 for i in range(60)]\n\ndef f(n):\n    return T[n]\n', "passed"),
    "exec builds": ('exec("def g(n):\\n    return n + 1")\n\ndef f(n):\n    return g(n)\n', "passed"),
}  # fmt: skip
LOADS_ELSEWHERE = (
    ("javascript", "filled by a loop", "const T = [];\nfor (let i = 0; i < 99; i++) T.push(i + 1);\nfunction f(n) { return T[n]; }\n", "passed"),
    ("javascript", "prototype", "Number.prototype.inc = function () { return this + 1; };\nfunction f(n) { return n.inc(); }\n", "passed"),
    ("javascript", "exports", "const g = (n) => n + 1;\nmodule.exports = { f: g };\n", "passed"),
    ("javascript", "called at once", "const K = (() => 1)();\nfunction f(n) { return n + K; }\n", "passed"),
    ("javascript", "exits", "function f(n) { return n + 1; }\nprocess.exit(0);\n", "failed"),
    ("javascript", "reassigned", "function f(n) { return n + 1; }\nf = (n) => n;\n", "failed"),
    ("javascript", "demonstration throws", "function f(n) { return n + 1; }\nconsole.log(noSuchThing(f(1)));\n", "passed"),
    ("typescript", "merged interface", "interface A { a: number }\ninterface A { b: number }\nconst k: A = { a: 1, b: 0 };\nfunction f(n: number): number { return n + k.a; }\n", "passed"),
    ("typescript", "filled by a loop", "const T: number[] = [];\nfor (let i = 0; i < 99; i++) T.push(i + 1);\nfunction f(n: number): number { return T[n]; }\n", "passed"),
    ("java", "static block", "class Solution {\n  static int k;\n  static { k = 1; }\n  static int f(int n) { return n + k; }\n}\n", "passed"),
    ("java", "second class", "class H { static int inc(int n) { return n + 1; } }\nclass Solution { static int f(int n) { return H.inc(n); } }\n", "passed"),
    ("cpp", "static object", "struct A { int k; A() : k(1) {} };\nstatic A a;\nint f(int n) { return n + a.k; }\n", "passed"),
    ("cpp", "condition", "#define ONE 1\n#ifdef ONE\nint f(int n) { return n + ONE; }\n#else\nint f(int n) { return n; }\n#endif\n", "passed"),
    ("cpp", "lambda at file scope", "auto g = [](int n) { return n + 1; };\nint f(int n) { return g(n); }\n", "passed"),
    ("c", "condition", "#define ONE 1\n#if ONE\nint f(int n) { return n + ONE; }\n#else\nint f(int n) { return n; }\n#endif\n", "passed"),
    ("c", "main is not run", "#include <stdlib.h>\nint f(int n) { return n + 1; }\nint main(void) { exit(1); }\n", "passed"),
    ("go", "init", "package main\n\nvar k int\n\nfunc init() { k = 1 }\n\nfunc f(n int) int { return n + k }\n", "passed"),
    ("go", "blank variable", "package main\n\nvar k int\nvar _ = set()\n\nfunc set() int { k = 1; return 0 }\n\nfunc f(n int) int { return n + k }\n", "passed"),
    ("go", "import of a demonstration", 'package main\n\nimport "fmt"\n\nfunc f(n int) int { return n + 1 }\n\nfunc main() { fmt.Println(f(1)) }\n', "passed"),
    ("rust", "macro", "macro_rules! inc { ($e:expr) => { $e + 1 } }\nfn f(n: i64) -> i64 { inc!(n) }\n", "passed"),
    ("rust", "trait", "trait Inc { fn inc(&self) -> i64; }\nimpl Inc for i64 { fn inc(&self) -> i64 { self + 1 } }\nfn f(n: i64) -> i64 { n.inc() }\n", "passed"),
    ("bash", "filled by a loop", "M=()\nfor i in {0..50}; do M+=($((i + 1))); done\nf() { echo ${M[$1]}; }\n", "passed"),
    ("bash", "eval", "eval 'k=1'\nf() { echo $(($1 + k)); }\n", "passed"),
    ("bash", "unset", "f() { echo $(($1 + 1)); }\nunset -f f\n", "failed"),
    ("bash", "exits", "f() { echo $(($1 + 1)); }\nexit 1\n", "failed"),
    ("javascript", "use strict and exports guard", "'use strict';\nfunction f(n) { return n + 1; }\nif (typeof module !== 'undefined') { module.exports = { f }; }\n", "passed"),
    ("javascript", "class static block", 'class K { static k; static { K.k = 1; } }\nfunction f(n) { return n + K.k; }\n', "passed"),
    ("javascript", "throws before", 'throw new Error("no");\nfunction f(n) { return n + 1; }\n', "failed"),
    ("javascript", "new Function", "const f = new Function('n', 'return n + 1');\n", "passed"),
    ("javascript", "delete", 'var o = { k: 1 };\ndelete o.k;\nfunction f(n) { return n + (o.k || 0); }\n', "failed"),
    ("javascript", "hoisted redefinition", 'function f(n) { return n + 1; }\nfunction f(n) { return n; }\n', "failed"),
    ("typescript", "namespace", 'namespace S { export const k = 1; }\nfunction f(n: number): number { return n + S.k; }\n', "passed"),
    ("typescript", "enum", 'enum E { Zero, One }\nfunction f(n: number): number { return n + E.One; }\n', "passed"),
    ("typescript", "export function", 'export function f(n: number): number { return n + 1; }\n', "passed"),
    ("typescript", "enum wrong", 'enum E { Zero, One }\nfunction f(n: number): number { return n + E.Zero; }\n', "failed"),
    ("java", "record", 'class Solution {\n  record P(int a) {}\n  static int f(int n) { return new P(n + 1).a(); }\n}\n', "passed"),
    ("java", "inner class", 'class Solution {\n  class In { int k = 1; }\n  public int f(int n) { return n + new In().k; }\n}\n', "passed"),
    ("java", "static block throws", 'class Solution {\n  static { if (true) throw new RuntimeException(); }\n  static int f(int n) { return n + 1; }\n}\n', "failed"),
    ("cpp", "operator", 'struct W { int v; };\nW operator+(W a, int b) { return W{a.v + b}; }\nint f(int n) { return (W{n} + 1).v; }\n', "passed"),
    ("cpp", "exits at static init", '#include <cstdlib>\nstruct A { A() { exit(0); } } a;\nint f(int n) { return n + 1; }\n', "failed"),
    ("cpp", "global vector filled", '#include <vector>\nstd::vector<int> t;\nstruct Fill { Fill() { for (int i = 0; i < 99; i++) t.push_back(i + 1); } } fill_it;\nint f(int n) { return t[n]; }\n', "passed"),
    ("c", "constructor attribute", 'static int k;\n__attribute__((constructor)) static void set(void) { k = 1; }\nint f(int n) { return n + k; }\n', "passed"),
    ("c", "undef", '#define K 1\n#undef K\n#define K 0\nint f(int n) { return n + K; }\n', "failed"),
    ("go", "two inits", 'package main\n\nvar k int\n\nfunc init() { k = 5 }\nfunc init() { k = 1 }\n\nfunc f(n int) int { return n + k }\n', "passed"),
    ("go", "init panics", 'package main\n\nfunc init() { panic("no") }\n\nfunc f(n int) int { return n + 1 }\n', "failed"),
    ("go", "init exits", 'package main\n\nimport "os"\n\nfunc init() { os.Exit(0) }\n\nfunc f(n int) int { return n + 1 }\n', "failed"),
    ("rust", "module", 'mod m {\n    pub fn inc(n: i64) -> i64 { n + 1 }\n}\nuse m::inc;\nfn f(n: i64) -> i64 { inc(n) }\n', "passed"),
    ("rust", "thread_local", 'use std::cell::Cell;\nthread_local! { static K: Cell<i64> = Cell::new(1); }\nfn f(n: i64) -> i64 { n + K.with(|k| k.get()) }\n', "passed"),
    ("rust", "main behind", 'fn f(n: i64) -> i64 { n + 1 }\n\nfn main() { std::process::exit(3); }\n', "passed"),
    ("bash", "associative array", 'declare -A t\nfor i in $(seq 0 50); do t[$i]=$((i + 1)); done\nf() { echo "${t[$1]}"; }\n', "passed"),
    ("bash", "source of a here document", 'source <(echo "k=1")\nf() { echo $(($1 + k)); }\n', "passed"),
    ("bash", "eval defines", 'eval "f() { echo \\$((\\$1 + 1)); }"\n', "passed"),
    ("bash", "redefined", 'f() { echo $(($1 + 1)); }\nf() { echo $1; }\n', "failed"),
)  # fmt: skip


def rows() -> Iterator[dict[str, str]]:
    """Give all rows: kind, name, language, interface, answer and the right label."""
    for language, programs in LANGUAGES.items():
        for kind, name, answer, label in _function_answers(programs):
            yield _row(kind, name, language, "function", answer, label)
        for kind, name, answer, label in _everyday_answers(programs, LINES[language]):
            yield _row(kind, name, language, "function", answer, label)
        for name, answer, label in _answers_in_parts(PARTS[language]):
            yield _row("bare code", name, language, "function", answer, label)
        for kind, name, answer, label in _stdin_answers(programs):
            yield _row(kind, name, language, "stdin", answer, label)
    for name, (code, label) in LOADS.items():
        yield _row("what happens at load", name, "python", "function", f"```python\n{code}```\n", label)
    for name, answer, label in _answers_in_python():
        yield _row("everyday shapes", name, "python", "function", answer, label)
    for language, name, code, label in LOADS_ELSEWHERE:
        answer = f"```{LANGUAGES[language].tag}\n{code}```\n"
        yield _row("what happens at load", name, language, "function", answer, label)


def _row(kind: str, name: str, language: str, interface: str, answer: str, label: str) -> dict[str, str]:
    return {
        "kind": kind, "name": name, "language": language, "interface": interface, "answer": answer, "label": label,
    }  # fmt: skip


def _function_answers(programs: Programs) -> Iterator[tuple[str, str, str, str]]:
    right, wrong = programs.function.replace("OP", "+"), programs.function.replace("OP", "-")
    right_too, tag = programs.other.replace("OP", "+"), programs.tag

    def block(code: str) -> str:
        return f"```{tag}\n{code}```\n"

    for label, code, draft in (("passed", right, wrong), ("failed", wrong, right)):
        yield "plain block", label, f"Sure, here it is:\n\n{block(code)}\nIt does what you asked for.\n", label
        yield "plain block", f"{label}, output behind", f"{block(code)}\nOutput:\n\n```text\n2\n```\n", label
        for name, (opening, closing) in MARKS.items():
            thought = f"{opening}Maybe\n{block(draft)}\nNo, that isn't it.{closing}"
            yield "thoughts", f"{name}, {label}", f"{thought}{block(code)}", label
        yield "fences", f"tildes, {label}", f"~~~{tag}\n{code}~~~\n", label
        yield "fences", f"four backticks, {label}", f"````{tag}\n{code}````\n", label
        yield "fences", f"no tag, {label}", f"Here:\n```\n{code}```\n", label
        yield "fences", f"in a list, {label}", "1. So:\n\n" + _indented(block(code)) + "\n2. Done.\n", label
        yield "fences", f"never closed, {label}", f"Here:\n\n```{tag}\n{code}", label
        yield "fences", f"Windows line ends, {label}", block(code).replace("\n", "\r\n"), label
        yield "fences", f"in Markdown, {label}", f"````markdown\nThe code:\n\n{block(code)}````\n", label
        yield "bare code", label, code, label
        yield "bare code", f"{label}, closing fence alone", f"{code}```\nThat is all.\n", label
    yield "thoughts", "never closed", f"<think>\nLike this:\n{block(right)}\nbut what about", "failed"
    yield "several blocks", "disagree", f"One way:\n{block(wrong)}\nAnother way:\n{block(right)}", "undecided"
    yield "several blocks", "disagree, right first", f"One way:\n{block(right)}\nOr:\n{block(wrong)}", "undecided"
    yield "several blocks", "agree", f"One way:\n{block(right)}\nAnother way:\n{block(right_too)}", "passed"
    yield "several blocks", "the same", f"The code:\n{block(wrong)}\nOnce more:\n{block(wrong)}", "failed"
    yield (
        "several blocks",
        "corrected",
        f"First:\n{block(wrong)}\nThe corrected version:\n{block(right)}",
        "passed",
    )
    yield "several blocks", "withdrawn", f"{block(right)}\nThis does not work:\n{block(wrong)}", "passed"


def _everyday_answers(programs: Programs, line: str) -> Iterator[tuple[str, str, str, str]]:
    """Give shapes in which current models write."""
    right, wrong, tag = programs.function.replace("OP", "+"), programs.function.replace("OP", "-"), programs.tag
    right_too = programs.other.replace("OP", "+")
    plus, minus = line.replace("OP", "+"), line.replace("OP", "-")

    def block(code: str, tag: str = tag) -> str:
        return f"```{tag}\n{code}```\n"

    kind = "everyday shapes"
    for label, code, draft, own in (("passed", right, wrong, plus), ("failed", wrong, right, minus)):
        shapes = {
            "harmony with a tool": f"<|channel|>analysis<|message|>Let me try.<|end|><|start|>assistant<|channel|>"
            f"commentary to=run code<|message|>{draft}<|call|><|start|>assistant<|channel|>final<|message|>"
            f"{block(code)}<|return|>",
            "harmony without marks": f"analysisWe need f. Draft:\n{block(draft)}assistantfinalHere:\n\n{block(code)}",
            "harmony's commentary alone": f"<|channel|>commentary<|message|>I will write\n{block(draft)}<|end|>"
            f"<|start|>assistant<|channel|>final<|message|>{block(code)}",
            "thoughts on a terminal": f"Thinking...\nMaybe\n{block(draft)}\nno\n...done thinking.\n\n{block(code)}",
            "chain of thought": f"<chain_of_thought>\n{block(draft)}</chain_of_thought>\n{block(code)}",
            "quotation in a list": "- See:\n" + "".join(f"  > {row}\n" for row in block(code).splitlines()),
            "empty thought": f"<think>\n\n</think>\n\n{block(code)}",
            "quoted closing mark": f"First:\n\n{block(draft)}\nI end with `</think>`.\n\n</think>\n\n{block(code)}",
            "thought with an open fence": f"<think>\n```{tag}\n{draft}\nno\n</think>\n\n{block(code)}",
            "bare behind a thought": f"<think>\n{block(draft)}</think>\n\n{code}",
            "two thoughts": f"<think>\n{block(draft)}</think>\nOnce more.\n<think>{draft}\n</think>\n{block(code)}",
            "answer tag": f"<think>{block(draft)}</think>\n<answer>\n{block(code)}</answer>",
            "line explained": f"{block(code)}\nThe line\n\n{block(own)}\ndoes the work.\n",
            "tag with a title": f'```{tag} title="solution"\n{code}```\n',
            "tag in braces": f"```{{{tag}}}\n{code}```\n",
            "opened behind prose": f"Sure! Here it is: ```{tag}\n{code}```\nDone.",
            "prose behind the closing fence": f"```{tag}\n{code}``` Hope this helps!",
            "never closed, prose behind": f"```{tag}\n{code}\nThis function adds one to the number, as asked.\n",
            "in a quotation": "".join(f"> {row}\n" for row in f"Here:\n{block(code)}".splitlines()),
            "indented by four": "The code:\n\n"
            + "".join(f"    {row}\n" for row in code.splitlines())
            + "\nThe end.\n",
            "between MBPP's marks": f"[BEGIN]\n{code}[DONE]\n",
            "between Code Llama's marks": f"Here:\n[{tag.upper()}]\n{code}[/{tag.upper()}]\n",
            "between tags": f"Here it is:\n<code>\n{code}</code>\n",
            "between prose": f"Here is the code you asked for:\n\n{code}\nIt adds one to its argument.\n",
            "behind a heading": f"# Solution\n\n{code}",
            "in HTML": f'<pre><code class="language-{tag}">{code}</code></pre>',
            "lines end as on old Macs": block(code).replace("\n", "\r"),
            "end mark behind bare code": f"{code.rstrip()}<|endoftext|>",
            **{f"end mark {mark}": f"{block(code).rstrip()}{mark}" for mark in END_MARKS},
        }
        for name, answer in shapes.items():
            yield kind, f"{name}, {label}", answer, label
    kind = "several blocks"
    yield kind, "wait", f"{block(wrong)}\nWait, that is wrong: it subtracts.\n\n{block(right)}", "passed"
    yield kind, "wait, then wrong", f"{block(right)}\nWait, that is wrong.\n\n{block(wrong)}", "failed"
    yield (
        kind,
        "nothing wrong with",
        f"There is nothing wrong with this:\n{block(wrong)}\nOr:\n{block(right)}",
        "undecided",
    )
    yield kind, "others get it wrong", f"Many get this wrong.\n{block(wrong)}\nOr:\n{block(right)}", "undecided"
    yield (
        kind,
        "final version",
        f"A naive version:\n{block(wrong)}\nThe final version:\n{block(right)}",
        "undecided",
    )
    yield (
        kind,
        "bare, differ",
        f"One way is this:\n\n{wrong}\nAnother one is this:\n\n{right_too}\nTake one.",
        "undecided",
    )
    yield kind, "bare, the same", f"One way is this:\n\n{wrong}\nOnce more, whole:\n\n{wrong}\nTake it.", "failed"
    kind = "changed behind"
    yield kind, "by a diff", f"{block(wrong)}\nA fix:\n\n```diff\n-{minus}+{plus}```\n", "undecided"
    yield kind, "by a line", f"{block(wrong)}\nOops, that line should be:\n\n{block(plus)}", "undecided"
    yield kind, "by a wrong line", f"{block(right)}\nOops, that line should be:\n\n{block(minus)}", "undecided"


def _answers_in_parts(parts: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Give bare code whose parts stand between prose."""
    for label, sign in (("passed", "+"), ("failed", "-")):
        table, helper, function = (part.replace("OP", sign) for part in parts)
        shapes = {
            "parts between prose": f"First the start:\n\n{table}\nThen what it needs:\n\n{helper}\nAnd now the "
            f"function:\n\n{function}\nThat is all.\n",
            "parts under steps": f"Step 1. The start.\n\n{table}\nStep 2. More.\n\n{helper}\nStep 3.\n\n{function}",
            "parts between Chinese prose": f"\u4e0b\u9762\u662f\u4ee3\u7801\uff1a\n\n{table}\n{helper}\n{function}\n"
            "\u8fd9\u4e2a\u51fd\u6570\u8fd4\u56de\u7ed3\u679c\u3002\n",
            "parts with a list behind": f"{table}\n{helper}\n{function}\n- The table is filled first.\n- `f` looks it up.\n",
        }
        for name, answer in shapes.items():
            yield f"{name}, {label}", answer, label


def _answers_in_python() -> Iterator[tuple[str, str, str]]:
    """Give shapes that only Python has, or that differ by language."""
    for label, sign in (("passed", "+"), ("failed", "-")):
        code = f"def f(n):\n    return n {sign} 1\n"
        block = f"```python\n{code}```\n"
        test = "```python\nfrom solution import f\n\ndef test_f():\n    assert f(1) == 2\n```\n"
        stub = "```python\ndef f(n):\n    raise NotImplementedError\n```\n"
        yield f"a file of tests behind, {label}", f"{block}\n**test_solution.py**\n{test}", label
        yield f"a stub before, {label}", f"The frame:\n{stub}\nFilled in:\n{block}", label
        typed = f"def f(n: int) -> int:\n    return n {sign} 1 if n < 1 << 60 else n\n"
        yield f"escaped in HTML, {label}", f"<pre><code>{html.escape(typed)}</code></pre>\n", label
        yield f"in a sentence, {label}", f"Just use `f = lambda n: n {sign} 1`.", label


def _stdin_answers(programs: Programs) -> Iterator[tuple[str, str, str, str]]:
    right, wrong = programs.on_stdin.replace("OP", "+"), programs.on_stdin.replace("OP", "-")
    tag = programs.tag
    for label, code, draft in (("passed", right, wrong), ("failed", wrong, right)):
        yield "stdin", label, f"The program:\n\n```{tag}\n{code}```\nFor 1 it prints\n```text\n2\n```\n", label
        yield "stdin", f"bare, {label}", f"Read it, then print:\n\n{code}\nIt takes constant time.\n", label
        if tag == "python":
            indented = "".join(f"    {row}\n" for row in code.splitlines())
            yield "stdin", f"indented by four, {label}", f"The code:\n\n{indented}\nIt prints one line.\n", label
        thought = f"<think>\n```{tag}\n{draft}```\nno\n</think>\n"
        yield "stdin", f"thoughts, {label}", f"{thought}```{tag}\n{code}```\n", label
    yield "stdin", "disagree", f"```{tag}\n{wrong}```\nor\n```{tag}\n{right}```\n", "undecided"


def _indented(text: str) -> str:
    return "".join(f"   {line}\n" if line else "\n" for line in text.split("\n")[:-1])


def main() -> None:
    """Write the corpus."""
    with open(HERE / "answers.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows())


if __name__ == "__main__":
    main()
