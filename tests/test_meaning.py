"""Tests in every form mean what plain tools say they mean; see `tests.meaning`."""

import decimal
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.sources.jsonl import load_jsonl
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import Cause, Label, Verdict
from tests.meaning import Trial, as_line, table, trials

TRIALS = trials()
CELLS = [
    pytest.param(*cell, marks=[pytest.mark.nightly] if cell[2] != "python" else [], id="-".join(cell))
    for cell in dict.fromkeys((trial.form, trial.kind, trial.language) for trial in TRIALS)
]
pytestmark = pytest.mark.xdist_group("meaning")  # each form is judged once
_known: dict[tuple[str, str, str], dict[str, Verdict]] = {}


def verdicts_of(pool: SandboxPool, form: str, language: str, folder: Path) -> dict[str, Verdict]:
    """Return the verdict of each solution of one form in one language, by name."""
    key = (pool.name, form, language)
    if key not in _known:
        chosen = [trial for trial in TRIALS if (trial.form, trial.language) == (form, language)]
        problems = problems_of(chosen, folder)
        programs = [Program(one.name, one.problem_id, Extraction.OK, "bare", one.code) for one in chosen]
        executions = execute_programs(programs, problems, pool, cache=folder / "compiled")
        _known[key] = {ran.candidate_id: judge(problems[ran.problem_id], ran) for ran in executions}
    return _known[key]


def problems_of(chosen: list[Trial], folder: Path) -> dict[str, Problem]:
    path = folder / "problems.jsonl"
    lines = {trial.problem_id: as_line(trial) for trial in chosen}
    path.write_text("\n".join(lines.values()) + "\n", encoding="utf-8")
    found = [item.outcome for item in load_jsonl(path)]
    assert all(isinstance(one, Problem) for one in found), found
    return {one.problem_id: one for one in found if isinstance(one, Problem)}


@pytest.mark.parametrize(("form", "kind", "language"), CELLS)
def test_right_passes_and_wrong_fails(
    form: str, kind: str, language: str, pool: SandboxPool, tmp_path: Path
) -> None:
    verdicts = verdicts_of(pool, form, language, tmp_path)
    for trial in TRIALS:
        if (trial.form, trial.kind, trial.language) != (form, kind, language):
            continue
        found = verdicts[trial.name]
        if trial.truth == "right":
            assert found.label is Label.PASSED, (trial, found)
        elif trial.truth == "own":
            assert (found.label, found.cause) == (Label.UNDECIDED, Cause.OWN_EQUALITY), (trial, found)
        else:  # one that guesses may be found out as flaky before it fails
            # tests of the order of coroutines that wait for time show nothing where they fail
            is_by_time = "asyncio" in kind and found.cause is Cause.NO_CASES
            assert found.label is Label.FAILED or found.cause is Cause.FLAKY or is_by_time, (trial, found)


def plain_python(trial: Trial) -> bool:
    """Return whether plain CPython, all in one process, lets a solution through."""
    module = sys.modules["plain"] = types.ModuleType("plain")
    namespace = vars(module)  # where a pickle looks for classes
    tests = trial.row["tests"]
    if "def check(" in tests:
        tests += f"\ncheck({trial.row['entry_point']})\n"
    depth = sys.getrecursionlimit()
    try:
        with decimal.localcontext(decimal.Context()):  # what a solution leaves set ends here
            for part in (trial.row.get("setup", ""), trial.code, tests):
                exec(compile(part, "<string>", "exec"), namespace)
    except Exception:
        return False
    finally:
        del sys.modules["plain"]
        sys.setrecursionlimit(depth)
    return True


# Wrong solutions let exceptions end their threads, and leave coroutines that nobody awaits.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:coroutine:RuntimeWarning")
@pytest.mark.parametrize("trial", [one for one in TRIALS if one.form == "check"], ids=lambda trial: trial.name)
def test_plain_python_agrees(trial: Trial) -> None:
    assert plain_python(trial) is (trial.truth != "wrong")


@pytest.mark.nightly
@pytest.mark.parametrize("trial", [one for one in TRIALS if one.form == "suite"], ids=lambda trial: trial.name)
def test_pytest_agrees(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text(trial.code, encoding="utf-8")
    (tmp_path / "test_solution.py").write_text(trial.row["tests"], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_solution.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in ((1, 2) if trial.truth == "wrong" else (0,)), (
        done.stdout
    )  # 2: pytest was interrupted


# File, command that builds, command that runs, of each language's own tools.
_TOOLS = {
    "bash": ("main.sh", "true", "bash main.sh"),
    "c": ("main.c", "gcc -O1 -DONLINE_JUDGE -o m main.c", "./m"),
    "cpp": ("main.cpp", "g++ -std=c++17 -O1 -DONLINE_JUDGE -o m main.cpp", "./m"),
    "go": ("main.go", "go build -o m main.go", "./m"),
    "java": ("Main.java", "javac Main.java", "java -ea Main"),
    "javascript": ("main.js", "true", "node main.js"),
    "python": ("main.py", "true", "python3 main.py"),
    "rust": ("main.rs", "rustc -O -o m main.rs", "./m"),
    "typescript": (
        "main.ts",
        "tsc --esModuleInterop --target es2019 --module commonjs --types node"
        " --typeRoots /usr/share/nodejs/@types main.ts; true",
        "node main.js",
    ),
}
_TESTED = {  # where a test runner brings the main program
    "go": ("true", "go test main.go main_test.go"),
    "rust": ("rustc --test -o m main.rs", "./m"),
}


def by_own_tools(trial: Trial, folder: Path) -> bool:
    """Return whether a solution is right by what its language's own compiler, runtime and test runner say.

    Raises:
        AssertionError: if a right one can't be built.
    """
    file, build, run = _TOOLS[trial.language]
    code, tests = trial.code, trial.row.get("tests", "")
    inputs = [(case["stdin"], case["stdout"]) for case in trial.row.get("cases", [])] or [("", None)]
    if tests and trial.language in _TESTED and not re.search(r"^fn main", tests, re.MULTILINE):
        build, run = _TESTED[trial.language]
    if tests and trial.language == "go":
        head = "" if "package " in tests else 'package main\nimport "testing"\n'
        (folder / "main_test.go").write_text(f"{head}{tests}", encoding="utf-8")
        code = code if code.startswith("package") else f"package main\n{code}"
    elif tests and trial.language == "java":  # a public class has a file of its name
        name, code_name = (_class_of(text) for text in (tests, code))
        (folder / f"{name}.java").write_text(f"{_imports(code)}{tests}", encoding="utf-8")
        file, build, run = f"{code_name}.java", "javac *.java", f"java -ea {name}"
    elif trial.language == "java":
        code = re.sub(r"^package .*;", "", code, flags=re.MULTILINE)
        name = re.findall(r"^(?:public )?class (\w+)", code[: code.index("static void main")], re.MULTILINE)[-1]
        file, build, run = f"{name}.java", "javac *.java", f"java -ea {name}"
    elif re.search(r"(?<=[ \"'/.])solution\b(?=[.'\"])", tests):  # the tests load it from its file
        (folder / f"solution{Path(file).suffix}").write_text(code, encoding="utf-8")
        (folder / "solution.h").write_text(code, encoding="utf-8")
        code = tests
    elif tests:
        code = f"{code}\n{'set -e' if trial.language == 'bash' else ''}\n{tests}"
    (folder / file).write_text(code, encoding="utf-8")
    built = _shell(build, folder, "")
    assert built.returncode == 0 or trial.truth == "wrong", built.stderr
    runs = [(_shell(run, folder, given), expected) for given, expected in inputs]
    return all(done.returncode == 0 and expected in (None, done.stdout) for done, expected in runs)


def _class_of(code: str) -> str:
    """Return the name that a file of Java must have."""
    found = re.search(r"^public (?:\w+ )*?(?:class|interface|record|enum) (\w+)", code, re.MULTILINE)
    found = found or re.search(r"^(?:\w+ )*?(?:class|interface|record|enum) (\w+)", code, re.MULTILINE)
    assert found is not None, code
    return found[1]


def _imports(code: str) -> str:
    return "".join(line + "\n" for line in code.splitlines() if line.startswith("import "))


def _shell(command: str, folder: Path, given: str) -> "subprocess.CompletedProcess[str]":
    line = ["bash", "-c", f"ulimit -s unlimited; {command}"]
    return subprocess.run(line, cwd=folder, input=given, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.nightly
@pytest.mark.parametrize(
    "trial", [one for one in TRIALS if one.form in ("stdin", "in_process")], ids=lambda trial: trial.name
)
def test_the_languages_own_tools_agree(trial: Trial, tmp_path: Path) -> None:
    assert by_own_tools(trial, tmp_path) is (trial.truth != "wrong")


def test_the_documentation_has_the_table() -> None:
    page = Path(__file__).parents[1] / "docs" / "judging.md"
    assert table(TRIALS) in page.read_text(encoding="utf-8"), "python -m tests.meaning prints it"
