"""Writes `answers.jsonl`: answers in nine languages whose right label is known by how they were made.

Every program here is f(n) = n + 1 (right) or f(n) = n - 1 (wrong), on its face; a shape says which of them is the
answer. Nothing of the product decides a label. Run it after a change: `python tests/answers/make_corpus.py`.
"""

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
MARKS = {
    "think": ("<think>\n", "\n</think>\n\n"),
    "thinking": ("<thinking>\n", "\n</thinking>\n"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "magistral": ("[THINK]", "[/THINK]"),
    "harmony": ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    "lone closing": ("", "\n</think>\n\n"),
}
# Python programs that do something while they load; the label is what plain CPython gives for `import` and f(1) == 2.
LOADS = {
    "filled by a bound method": ("T = []\nadd = T.append\nfor i in range(99):\n    add(i + 1)\n\ndef f(n):\n    return T[n]\n", "passed"),
    "filled by map": ("T = []\nlist(map(T.append, range(1, 99)))\n\ndef f(n):\n    return T[n]\n", "passed"),
    "globals": ("globals()['k'] = 1\n\ndef f(n):\n    return n + k\n", "passed"),
    "registry": ("R = {}\n\ndef put(g):\n    R[g.__name__] = g\n    return g\n\n@put\ndef g(n):\n    return n + 1\n\ndef f(n):\n    return R['g'](n)\n", "passed"),
    "setattr": ("class A:\n    pass\n\nsetattr(A, 'k', 1)\n\ndef f(n):\n    return n + A.k\n", "passed"),
    "guard is not run": ("def f(n):\n    return n + 1\n\nif __name__ == '__main__':\n    f = None\n", "passed"),
    "own wrong assertion": ("def f(n):\n    return n + 1\n\nassert f(1) == 3\n", "passed"),
    "demonstration reads input": ("def f(n):\n    return n + 1\n\nprint(f(int(input())))\n", "passed"),
    "demonstration needs a package": ("def f(n):\n    return n + 1\n\nimport no_such_package_xyz\nno_such_package_xyz.show(f(1))\n", "passed"),
    "exits": ("def f(n):\n    return n + 1\n\nimport sys\nsys.exit()\n", "failed"),
    "raises": ("def f(n):\n    return n + 1\n\nraise SystemExit\n", "failed"),
    "raises an error": ("def f(n):\n    return n + 1\n\nraise ValueError('not done')\n", "failed"),
    "used before it is there": ("print(f(1))\n\ndef f(n):\n    return n + 1\n", "failed"),
    "redefined": ("def f(n):\n    return n + 1\n\nf = lambda n: n\n", "failed"),
    "redefined by globals": ("def f(n):\n    return n + 1\n\nglobals()['f'] = lambda n: n\n", "failed"),
    "redefined by exec": ("def f(n):\n    return n + 1\n\nexec('f = lambda n: n')\n", "failed"),
    "deleted": ("def f(n):\n    return n + 1\n\ndel f\n", "failed"),
    "wrapped": ("def f(n):\n    return n + 1\n\ndef bad(g):\n    return lambda n: 7\n\nf = bad(f)\n", "failed"),
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
)  # fmt: skip


def rows() -> Iterator[dict[str, str]]:
    """Give all rows: kind, name, language, interface, answer and the right label."""
    for language, programs in LANGUAGES.items():
        for kind, name, answer, label in _function_answers(programs):
            yield _row(kind, name, language, "function", answer, label)
        for kind, name, answer, label in _stdin_answers(programs):
            yield _row(kind, name, language, "stdin", answer, label)
    for name, (code, label) in LOADS.items():
        yield _row("what happens at load", name, "python", "function", f"```python\n{code}```\n", label)
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


def _stdin_answers(programs: Programs) -> Iterator[tuple[str, str, str, str]]:
    right, wrong = programs.on_stdin.replace("OP", "+"), programs.on_stdin.replace("OP", "-")
    tag = programs.tag
    for label, code, draft in (("passed", right, wrong), ("failed", wrong, right)):
        yield "stdin", label, f"The program:\n\n```{tag}\n{code}```\nFor 1 it prints\n```text\n2\n```\n", label
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
