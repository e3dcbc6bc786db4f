from typing import NamedTuple

import pytest

from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.languages.contract import LanguageError
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.problem import JudgedBy, Problem
from tests.syntax_rewrites import analyse_program


class Case(NamedTuple):
    """A solution whose entry point is `solve`, and what answers put around it.

    Attributes:
        whole: everything that must be kept, in one block.
        demo: what must be left out.
        opening: a prompt that a completion goes on from, its first lines.
    """

    whole: str
    demo: str
    opening: str


CASES = {
    "javascript": Case(
        "const LIMIT = 3;\n\nfunction helper(a) {\n  return a + LIMIT;\n}\n\n"
        "function solve(xs) {\n  return xs.map((x) => helper(x));\n}\n",
        "console.log(solve([1]));\nsolve([2]);\n",
        "/* Add the limit. */\nfunction solve(xs) {\n",
    ),
    "typescript": Case(
        "interface Box { value: number }\n\nfunction helper(box: Box): number {\n  return box.value;\n}\n\n"
        "export const solve = (xs: Box[]): number[] => xs.map(helper);\n",
        "console.log(solve([{ value: 1 }]));\n",
        "function solve(xs: number[]): number[] {\n",
    ),
    "java": Case(
        "import java.util.*;\n\nclass Solution {\n    private int helper(int a) { return a + 1; }\n\n"
        "    public int solve(List<Integer> xs) {\n        return helper(xs.get(0));\n    }\n}\n",
        "",
        "class Solution {\n    public int solve(int a) {\n",
    ),
    "c": Case(
        "#include <stdio.h>\n#define LIMIT 3\n\ntypedef struct { int a; } Pair;\n\nstatic int helper(Pair p) {\n"
        "    return p.a + LIMIT;\n}\n\n"
        "int solve(int *xs, int n) {\n    Pair p = {xs[0]};\n    return helper(p) + n;\n}\n",
        'int main(void) {\n    printf("%d", solve(0, 0));\n    return 0;\n}\n',
        "#include <stdio.h>\nint solve(int a) {\n",
    ),
    "cpp": Case(
        "#include <vector>\nusing namespace std;\n\ntemplate <typename T>\nT helper(T a) {\n    return a;\n}\n\n"
        "vector<int> solve(vector<int> xs) {\n    xs.push_back(helper(1));\n    return xs;\n}\n",
        "int main() {\n    solve({});\n}\n",
        "#include <vector>\nusing namespace std;\nint solve(int a) {\n",
    ),
    "go": Case(
        'package main\n\nimport "strings"\n\ntype pair struct{ a int }\n\n'
        'func (p pair) get() int {\n\treturn p.a\n}\n\n'
        "func solve(s string) int {\n\treturn len(strings.ToUpper(s)) + pair{1}.get()\n}\n",
        "func main() {\n\tsolve(\"a\")\n}\n",
        "package main\n\nfunc solve(a int) int {\n",
    ),
    "rust": Case(
        "use std::collections::HashMap;\n\nstruct Pair {\n    a: i32,\n}\n\nimpl Pair {\n"
        "    fn get(&self) -> i32 {\n        self.a\n    }\n}\n\n"
        "fn solve(a: i32) -> i32 {\n    let p = Pair { a };\n    p.get()\n}\n",
        "fn main() {\n    println!(\"{}\", solve(1));\n}\n",
        "fn solve(a: i32) -> i32 {\n",
    ),
    "bash": Case(
        'LIMIT=3\n\nhelper() {\n  echo $(($1 + LIMIT))\n}\n\nsolve() {\n  local x=$1\n  helper "$x"\n}\n',
        "solve 3\n",
        "solve() {\n",
    ),
}  # fmt: skip


def extract(
    language: str, completion: str, *, template: str = "chat", opening: str = "", entry_point: str = "solve"
) -> Program:
    candidate = Candidate(
        candidate_id="0" * 32, problem_id="p", index=0, backend="files", model="m", revision="",
        template=template, prompt="", completion=completion, temperature=0.8, top_p=0.95, max_tokens=300,
        seed=-1, n_prompt_tokens=-1, n_tokens=-1, finish_reason="", mean_logprob=None,
    )  # fmt: skip
    problem = Problem(
        problem_id="p", source="jsonl", language=language, entry_point=entry_point, prompt="",
        continuation=opening, setup="", judged_by=JudgedBy.CASES, cases=(), test_code="",
        reference="", level="", topic="", license="",
    )  # fmt: skip
    return extract_program(candidate, problem)


@pytest.mark.parametrize("language", CASES)
def test_a_fenced_block_is_taken_whole(language: str) -> None:
    program = extract(language, f"Sure:\n\n```{language}\n{CASES[language].whole}```\nIt works (I think).")
    assert (program.extraction, program.form) == (Extraction.OK, "fenced")
    assert program.code == CASES[language].whole


@pytest.mark.parametrize("language", CASES)
def test_demonstrations_stay_in_the_whole_program_alone(language: str) -> None:
    case = CASES[language]
    program = extract(language, f"```\n{case.whole}\n{case.demo}```")
    assert program.code == f"{case.whole}\n{case.demo}".rstrip("\n") + "\n"
    assert _lines(program.pruned or program.code) == _lines(case.whole)


@pytest.mark.parametrize("language", CASES)
def test_code_between_prose(language: str) -> None:
    case = CASES[language]
    text = f"Here is my solution, which should do it:\n\n{case.whole}\nThis adds it up. Hope that helps!\n"
    program = extract(language, text)
    assert (program.extraction, program.form) == (Extraction.OK, "bare")
    assert _lines(program.code) == _lines(case.whole)


@pytest.mark.parametrize("language", CASES)
def test_a_helper_is_borrowed_from_another_block(language: str) -> None:
    case = CASES[language]
    head, _, last = case.whole.rpartition("\n\n")
    if language == "java":
        head, _, last = case.whole.partition("\n\n")
    program = extract(language, f"```\n{head}\n```\nand then\n```\n{last}```")
    assert program.extraction is Extraction.OK
    assert _lines(program.code) == _lines(case.whole) - {"package main"} | (
        _lines(program.code) & {"package main"}
    )


BODIES = {
    "javascript": "  return xs;\n}\n",
    "typescript": "  return xs;\n}\n",
    "java": "        return a;\n    }\n}\n",
    "c": "    if (a) { return 1; }\n    return a;\n}\n",
    "cpp": "    if (a) { return 1; }\n    return a;\n}\n",
    "go": "\tif a > 1 {\n\t\treturn 1\n\t}\n\treturn a\n}\n",
    "rust": "    a\n}\n",
    "bash": "  echo $1\n}\n",
}


@pytest.mark.parametrize("language", CASES)
def test_a_continuation_is_cut_behind_its_function(language: str) -> None:
    case, body = CASES[language], BODIES[language]
    program = extract(language, f"{body}\n{case.demo}", template="continuation", opening=case.opening)
    assert (program.extraction, program.form) == (Extraction.OK, "continuation")
    assert program.code == case.opening + body


@pytest.mark.parametrize("language", CASES)
def test_what_is_no_solution(language: str) -> None:
    case = CASES[language]
    assert extract(language, "I can't do that.").extraction is Extraction.NO_CODE
    assert extract(language, "").extraction is Extraction.NO_CODE
    assert extract(language, f"```\n{case.whole}```", entry_point="other").extraction is Extraction.NO_ENTRY_POINT


def test_what_tree_sitter_cannot_read_is_left_to_the_compiler() -> None:
    code = "#define FN(name) int name\nFN(g)(int a) { return a; }\n\nint solve(int a) {\n    return g(a);\n}\n"
    program = extract("c", f"```c\n{code}```")
    assert (program.extraction, program.code) == (Extraction.OK, code)


def test_go_imports_that_only_a_demonstration_used_are_not_in_the_pruned_form() -> None:
    code = (
        'package main\n\nimport (\n\t"fmt"\n\tm "math"\n)\n\n'
        "func solve(a float64) float64 {\n\treturn m.Sqrt(a)\n}\n\n"
        "func main() {\n\tfmt.Println(solve(4))\n}\n"
    )
    program = extract("go", f"```go\n{code}```")
    assert program.code == code
    assert program.pruned == (
        'package main\nimport m "math"\n\nfunc solve(a float64) float64 {\n\treturn m.Sqrt(a)\n}\n'
    )


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(LanguageError, match="'cobol'"):
        extract("cobol", "x")


def _lines(code: str) -> set[str]:
    return {line.strip() for line in code.split("\n") if line.strip()}


@pytest.mark.parametrize("language", CASES)
def test_whole_solutions_parse_and_get_tags(language: str) -> None:
    row = analyse_program(extract(language, CASES[language].whole), language)
    assert row.parsed
    assert row.tags
    assert row.n_functions >= 1
