"""Packages that programs may import: made once, the same on both engines, and judged as Python's own values."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.flows.runtime.stages import load
from pairsmith.pipeline.chain.stage import LIMITS as LIMIT_SETTINGS
from pairsmith.pipeline.chain.stage import limits_of, setting_text
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.sources.jsonl import load_jsonl
from pairsmith.pipeline.problems.sources.starter import forms, load_starter, starter_folder
from pairsmith.pipeline.problems.stage import load_shards
from pairsmith.pipeline.sandbox import Job, SandboxError, SandboxPool, packages
from pairsmith.pipeline.sandbox.bubblewrap import inner_python
from pairsmith.pipeline.sandbox.docker_engine import add_packages
from pairsmith.pipeline.sandbox.packages import build_environment, find_environment, lock_of, name_of, names_there
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import RunConfig, SandboxConfig
from pairsmith.schemas.problem import Case, Compare, Interface, JudgedBy, Problem
from pairsmith.schemas.verdict import Cause, Label
from tests.languages_kit import problem as case_problem
from tests.sandboxes import LIMITS, PATIENCE, make_engine, why_no_docker

WANTED = ("numpy", "npm:lodash")


@pytest.fixture(scope="module", params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def packed(request: pytest.FixtureRequest) -> Iterator[SandboxPool]:
    """A pool on each engine with numpy and lodash; skips where the registries are out of reach."""
    if request.param == "docker" and why_no_docker():
        pytest.skip(why_no_docker())
    try:
        if request.param == "docker":
            add_packages(LIMITS.image, WANTED)
        else:
            build_environment(WANTED, inner_python())
    except SandboxError as error:
        if request.param not in str(error) and "no packages" not in str(error):
            raise
        pytest.skip(str(error))
    config = LIMITS.model_copy(update={"packages": WANTED})
    engine = make_engine(request.param, f"packages-{os.getpid()}", config)
    pool = SandboxPool(engine, config, PATIENCE)
    yield pool
    pool.close()
    engine.close()


def label(problem: Problem, code: str, pool: SandboxPool, cache: Path | None = None) -> tuple[Label, Cause]:
    program = Program("c", problem.problem_id, Extraction.OK, "bare", code)
    execution = execute_programs([program], {problem.problem_id: problem}, pool, cache=cache)[0]
    verdict = judge(problem, execution)
    return verdict.label, verdict.cause


def of_cases(*cases: tuple[str, str], compare: Compare = "equal_json") -> Problem:
    problem = case_problem("python", [])
    return replace(problem, cases=tuple(Case(given, expected, compare) for given, expected in cases))


def of_tests(code: str) -> Problem:
    return replace(case_problem("python", []), judged_by=JudgedBy.TESTER, test_code=code)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("compare", "right", "wrong"),
    [
        ("equal_json", "np.outer(x, x)", "np.outer(x, x).T[::-1]"),
        ("equal_json", "np.outer(x, x).tolist()", "np.ones((4, 1))"),
        ("equal_json", "[tuple(row) for row in np.outer(x, x)]", "np.array([[1, 2, 2, 4]])"),
        ("approx", "np.outer(x, x) + 1e-12", "np.outer(x, x) + 1e-3"),
        ("unordered", "np.outer(x, x)[::-1]", "np.outer(x, x) * 2"),
        ("equal", "np.outer(x, x).tolist()", "np.outer(x, x)"),  # `assert f(x) == [[...]]` raises for an array
    ],
)
def test_arrays_are_compared_by_shape_and_items(
    packed: SandboxPool, compare: Compare, right: str, wrong: str
) -> None:
    problem = of_cases(("[[1,2]]", "[[1,2],[2,4]]"), compare=compare)
    if compare == "approx":
        problem = replace(problem, cases=(replace(problem.cases[0], rtol=1e-9),))
    code = "import numpy as np\ndef f(x):\n    return "
    assert label(problem, code + right, packed) == (Label.PASSED, Cause.NONE)
    assert label(problem, code + wrong, packed) == (Label.FAILED, Cause.WRONG_VALUE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tests", "right", "wrong"),
    [
        ("assert np.allclose(f(np.eye(2) * 2), np.eye(2) / 2)", "np.linalg.inv(x)", "x"),
        ("r = f(np.arange(3))\nassert r.dtype == np.float64 and r.shape == (3,)", "x / 2", "x // 2"),
        ("a = np.array([3, 1, 2])\nf(a)\nassert (a == [1, 2, 3]).all()", "x.sort()", "np.sort(x)"),
        ("a = np.zeros(2)\nassert f(a) is not a and f(a).tolist() == [0, 0]", "x.copy()", "x"),
        ("assert f(np.array([1, 'a'], object)).tolist() == ['a', 1]", "x[::-1]", "x"),
        ("assert isinstance(f(np.ones(3)), np.floating) and f(np.ones(3)) == 3", "x.sum()", "int(x.sum())"),
        ("assert f(np.zeros((0, 3))).shape == (3, 0)", "x.T", "x"),
    ],
)
def test_tests_and_candidates_share_arrays(packed: SandboxPool, tests: str, right: str, wrong: str) -> None:
    problem = of_tests(f"import numpy as np\n{tests}")
    code = "import numpy as np\ndef f(x):\n    return "
    assert label(problem, code + right, packed) == (Label.PASSED, Cause.NONE)
    assert label(problem, code + wrong, packed) == (Label.FAILED, Cause.TEST_FAILED)


@pytest.mark.slow
def test_whole_programs_and_checkers_import_packages(packed: SandboxPool) -> None:
    problem = replace(
        case_problem("python", [], ""),
        interface=Interface.STDIN,
        cases=(Case("1 2 3\n", "", "checker"),),
        checker="import numpy as np\ndef check(input, output):\n"
        "    return bool(np.isclose(float(output), np.mean(np.array(input.split(), float))))\n",
    )
    code = "import numpy as np\nprint(np.array(input().split(), float).mean())"
    assert label(problem, code, packed) == (Label.PASSED, Cause.NONE)
    assert label(problem, code.replace("mean", "max"), packed) == (Label.FAILED, Cause.WRONG_VALUE)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["javascript", "typescript"])
@pytest.mark.parametrize("load", ["import _ from 'lodash';", "const _ = require('lodash');"])
def test_node_finds_packages(packed: SandboxPool, language: str, load: str, cache: Path) -> None:
    program = f"{load}\nconst read = require('fs').readFileSync(0, 'utf8');\n"
    program += "console.log(_.sum(_.map(read.split(' '), Number)));"
    if load.startswith("import"):
        program = program.replace("const read = require('fs')", "import fs from 'fs';\nconst read = fs")
    on_stdin = replace(
        case_problem(language, [], ""), interface=Interface.STDIN, cases=(Case("1 2 3", "6\n", "lines"),)
    )
    assert label(on_stdin, program, packed, cache) == (Label.PASSED, Cause.NONE)
    assert label(on_stdin, program.replace("sum", "max"), packed, cache) == (Label.FAILED, Cause.WRONG_VALUE)
    function = case_problem(language, [(([3, 1],), [1, 3])])
    code = f"{load}\n{'export ' if load.startswith('import') else ''}function f(xs) {{ return _.sortBy(xs); }}"
    assert label(function, code, packed, cache) == (Label.PASSED, Cause.NONE)


@pytest.mark.slow
def test_problems_with_numpy_are_solved_by_their_references_only(packed: SandboxPool, tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(forms(), encoding="utf-8")
    own = [found.outcome for found in load_jsonl(tmp_path / "own.jsonl") if found.requires]
    items = [item for item in load_starter(starter_folder()) if item.requires]
    assert own
    assert len(items) >= 2
    rows = [(row, row.reference, Label.PASSED) for row in own if isinstance(row, Problem)]
    rows += [(item.problem, item.problem.reference, Label.PASSED) for item in items]
    rows += [(item.problem, wrong.code, Label.FAILED) for item in items for wrong in item.wrong]
    found = [(problem.problem_id, code, label(problem, code, packed)[0]) for problem, code, _ in rows]
    assert found == [(problem.problem_id, code, due) for problem, code, due in rows]


@pytest.mark.slow
def test_packages_are_read_only_and_no_others_are_there(packed: SandboxPool) -> None:
    code = """
import importlib.util, os
def f():
    try: open("/packages/python/numpy/__init__.py", "a")
    except OSError: pass
    else: return "written"
    others = [name for name in ("scipy", "pip", "pytest") if importlib.util.find_spec(name)]
    return [os.environ["OPENBLAS_NUM_THREADS"], *others]
"""
    answers, _ = packed.run(lambda bench: bench.candidate.run(Job("", code, "f", ("[]",))))
    assert answers[0].value == '["1"]'
    problem = of_cases(("[]", "1"))
    assert label(problem, "import scipy\ndef f(): return 1", packed) == (Label.UNDECIDED, Cause.MISSING_PACKAGE)


@pytest.mark.slow
def test_a_lock_names_versions_and_hashes(packed: SandboxPool) -> None:
    lock = lock_of(find_environment(WANTED, packed.run(lambda bench: bench.candidate.python).rpartition(".")[0]))
    assert [line.partition(" ")[0].rstrip("0123456789.").rstrip("=@") for line in lock] == ["npm:lodash", "numpy"]
    assert all(len(line.partition(" ")[2]) > 60 for line in lock)
    assert {"numpy", "npm:lodash"} <= names_there(WANTED)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(packages, "packages_root", lambda: tmp_path)
    return tmp_path


def test_packages_that_were_not_made_are_told_with_the_command(root: Path, tmp_path: Path) -> None:
    config = RunConfig(run=tmp_path / "run", sandbox=SandboxConfig(packages=WANTED))
    told: list[str] = []
    assert load_shards(config, tmp_path, told.append)  # a plan shows it
    assert told == ["sandbox.packages are not built: " + packages.how_to_build(WANTED)]
    with pytest.raises(SandboxError, match=r"^sandbox.packages are not built: build them with"):
        load(config, tmp_path)  # a run stops before it has spent anything
    with pytest.raises(SandboxError, match=r"pairsmith sandbox build --packages numpy,npm:lodash`$"):
        find_environment(WANTED, "3.11")


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["numpy==0.0.1", "npm:lodash@0.0.1"])
def test_a_package_that_cannot_be_had_is_told_in_one_line(root: Path, wanted: str) -> None:
    with pytest.raises(SandboxError, match=r"no packages: (pip|npm)") as told:
        build_environment([wanted], "3.11")
    assert "\n" not in str(told.value)
    assert not list(root.iterdir())


def test_names_are_read_without_versions() -> None:
    names = {"numpy": "numpy", "Scikit_Learn==1.5": "scikit-learn", "npm:lodash@4": "npm:lodash"}
    names |= {"npm:@types/node@20": "npm:@types/node", "scipy>=1,<2": "scipy", "uvicorn[standard]": "uvicorn"}
    assert {one: name_of(one) for one in names} == names
    for wrong in ("", "npm:", "--index-url=x", "git+https://x/y", "a/b"):
        with pytest.raises(SandboxError, match="is not a package"):
            name_of(wrong)


def test_keys_follow_the_lock_and_stay_where_no_packages_are_asked_for(root: Path) -> None:
    plain, asked = RunConfig(), RunConfig(sandbox=SandboxConfig(packages=("numpy",)))
    assert "packages" not in setting_text(plain, "sandbox")
    assert "sandbox" in LIMIT_SETTINGS
    before = limits_of(asked)
    folder = packages._folder(["numpy"], "3.11")
    folder.mkdir()
    texts = {before, limits_of(plain)}
    for version in ("1", "2"):
        (folder / "lock.txt").write_text(f"numpy=={version} --hash=sha256:0\n")
        texts.add(limits_of(asked))
    assert len(texts) == 4
    assert packages.describe_packages() == ["packages for Python 3.11: numpy==2"]
