"""Crates and Go modules that programs may use: fetched by cargo and go as they are set up, compiled once, locked.

Debian's packages stand for the registries: a directory of crates, and a folder of modules behind a proxy of files.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.pipeline.sandbox import SandboxError, SandboxPool, bubblewrap, docker_engine, packages
from pairsmith.pipeline.sandbox.packages import build_environment, lock_of, names_there
from pairsmith.schemas.problem import Case, Interface, JudgedBy, Problem
from pairsmith.schemas.verdict import Cause, Label
from tests.languages_kit import problem as case_problem
from tests.sandboxes import LIMITS, PATIENCE, make_engine, why_no_docker
from tests.test_packages import label

CRATES, SOURCES = Path("/usr/share/cargo/registry"), Path("/usr/share/gocode/src")
TESTIFY = "github.com/stretchr/testify"
NEEDED = {
    "github.com/davecgh/go-spew": "v1.1.1",
    "github.com/pmezard/go-difflib": "v1.0.0",
    "github.com/stretchr/objx": "v0.5.0",
    "gopkg.in/yaml.v3": "v3.0.1",
}
WANTED = ("crate:rand", "crate:md5==0.7.0", f"go:{TESTIFY}@v1.8.1")


def why_none() -> str:
    """Return what is missing on this machine; empty for nothing."""
    tools = [name for name in ("cargo", "go") if shutil.which(name) is None]
    found = [f"librust-{name}-dev" for name in ("rand", "md5") if not list(CRATES.glob(f"{name}-[0-9]*"))]
    modules = [] if (SOURCES / TESTIFY).is_dir() else ["golang-github-stretchr-testify-dev"]
    return f"not installed: {' '.join(tools + found + modules)}" if tools or found or modules else ""


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point cargo and go to what Debian's packages hold."""
    if why_none():
        pytest.skip(why_none())
    home, proxy = tmp_path_factory.mktemp("cargo"), tmp_path_factory.mktemp("proxy")
    (home / "config.toml").write_text(
        f'[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "{CRATES}"\n'
    )
    for module, version in {**NEEDED, TESTIFY: "v1.8.1"}.items():
        folder = proxy / module / "@v"
        folder.mkdir(parents=True)
        needs = "".join(f"require {name} {one}\n" for name, one in NEEDED.items()) if module == TESTIFY else ""
        (folder / "list").write_text(f"{version}\n")
        (folder / f"{version}.info").write_text(json.dumps({"Version": version, "Time": "2022-01-01T00:00:00Z"}))
        (folder / f"{version}.mod").write_text(f"module {module}\n\ngo 1.16\n{needs}")
        with zipfile.ZipFile(folder / f"{version}.zip", "w") as archive:
            for path in sorted(path for path in (SOURCES / module).rglob("*") if path.is_file()):
                archive.write(path, f"{module}@{version}/{path.relative_to(SOURCES / module)}")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"CARGO_HOME": home, "GOPROXY": proxy.as_uri(), "GOSUMDB": "off"}.items():
            patch.setenv(name, str(value))
        yield


@pytest.fixture(scope="module", params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def compiled(request: pytest.FixtureRequest, registries: None) -> Iterator[SandboxPool]:
    """A pool on each engine with the crates and the module."""
    if request.param == "docker" and why_no_docker():
        pytest.skip(why_no_docker())
    if request.param == "docker":
        docker_engine.add_packages(LIMITS.image, WANTED)
    else:
        bubblewrap.add_packages(WANTED)
    config = LIMITS.model_copy(update={"packages": WANTED})
    engine = make_engine(request.param, f"compiled-{os.getpid()}", config)
    pool = SandboxPool(engine, config, PATIENCE)
    yield pool
    pool.close()
    engine.close()


RUST = {
    "rand": """use rand::{Rng, SeedableRng};
pub fn f(s: &str) -> i64 {
    let mut random = rand::rngs::StdRng::seed_from_u64(1);
    s.split(' ').count() as i64 + random.gen_range(0..1)
}""",
    "md5": """pub fn f(s: &str) -> i64 {
    assert_eq!(format!("{:x}", md5::compute(s)).len(), 32);
    s.len() as i64 - 3
}""",
}


@pytest.mark.nightly
@pytest.mark.parametrize("crate", RUST)
def test_programs_use_crates(compiled: SandboxPool, crate: str, cache: Path) -> None:
    function = case_problem("rust", [(("ab cd",), 2)])
    wrong = RUST[crate].replace("as i64 ", "as i64 + 1 ")
    assert label(function, RUST[crate], compiled, cache) == (Label.PASSED, Cause.NONE)
    assert label(function, wrong, compiled, cache) == (Label.FAILED, Cause.WRONG_VALUE)


def in_process(language: str, tests: str) -> Problem:
    return replace(case_problem(language, []), judged_by=JudgedBy.IN_PROCESS, test_code=tests)


@pytest.mark.nightly
def test_tests_and_whole_programs_use_crates(compiled: SandboxPool, cache: Path) -> None:
    tests = "#[cfg(test)]\nmod tests {\n use super::*;\n use rand::Rng;\n #[test]\n fn t() {\n"
    tests += "  let x: i64 = rand::thread_rng().gen_range(0..9);\n  assert_eq!(f(x), x + 1); }\n}"
    problem = in_process("rust", tests)
    right = "pub fn f(x: i64) -> i64 { x + 1 }"
    assert label(problem, right, compiled, cache) == (Label.PASSED, Cause.NONE)
    assert label(problem, right.replace("+ 1", "+ 2"), compiled, cache) == (Label.FAILED, Cause.TEST_FAILED)
    program = "use std::io::*;\nfn main() { let mut s = String::new(); stdin().read_to_string(&mut s).unwrap();\n"
    program += ' println!("{:x}", md5::compute(s.trim())); }'
    on_stdin = replace(case_problem("rust", [], ""), interface=Interface.STDIN)
    on_stdin = replace(on_stdin, cases=(Case("Hello world\n", "3e25960a79dbc69b674cd4ec67a72c62\n", "lines"),))
    assert label(on_stdin, program, compiled, cache) == (Label.PASSED, Cause.NONE)
    assert label(on_stdin, program.replace("s.trim()", "&s"), compiled, cache)[0] is Label.FAILED


GO_TESTS = f"""package main
import (
    "testing"
    "{TESTIFY}/require"
    "{TESTIFY}/suite"
)
type Suite struct {{ suite.Suite }}
func (s *Suite) TestOne() {{ s.Equal(3, f(2)) }}
func TestSuite(t *testing.T) {{ suite.Run(t, new(Suite)) }}
func TestTwo(t *testing.T) {{ require.InDelta(t, 4, f(3), 0.5) }}
"""


@pytest.mark.nightly
def test_tests_and_solutions_use_modules(compiled: SandboxPool, cache: Path) -> None:
    problem = in_process("go", GO_TESTS)
    right = 'package main\nimport "github.com/davecgh/go-spew/spew"\n'
    right += 'func f(x int) int { if spew.Sprint(x) == "2" { return 3 }; return x + 1 }'
    assert label(problem, right, compiled, cache) == (Label.PASSED, Cause.NONE)
    assert label(problem, right.replace("x + 1", "x"), compiled, cache) == (Label.FAILED, Cause.TEST_FAILED)
    assert label(problem, right.replace("return 3", "return 4"), compiled, cache)[0] is Label.FAILED
    function = case_problem("go", [((2,), 3)])
    assert label(function, right, compiled, cache) == (Label.PASSED, Cause.NONE)
    assert label(function, right.replace("return 3", "return 4"), compiled, cache)[0] is Label.FAILED


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("rust", "use itertools::Itertools;\npub fn f(x: i64) -> i64 { x }"),
        ("go", 'package main\nimport "github.com/samber/lo"\nfunc f(x int) int { return lo.Max([]int{x}) }'),
    ],
)
def test_what_was_not_fetched_proves_nothing(compiled: SandboxPool, language: str, code: str, cache: Path) -> None:
    problem = case_problem(language, [((2,), 2)])
    assert label(problem, code, compiled, cache) == (Label.UNDECIDED, Cause.MISSING_PACKAGE)


@pytest.mark.nightly
def test_what_compiled_before_is_compiled_again_with_other_packages(compiled: SandboxPool, cache: Path) -> None:
    problem, code = case_problem("rust", [(("ab cd",), 2)]), RUST["md5"]
    bare = SandboxPool(make_engine(compiled.name, f"bare-{os.getpid()}"), LIMITS, PATIENCE)
    with bare:
        assert label(problem, code, bare, cache) == (Label.UNDECIDED, Cause.MISSING_PACKAGE)
    assert label(problem, code, compiled, cache) == (Label.PASSED, Cause.NONE)


@pytest.mark.slow
def test_the_lock_names_what_was_fetched_with_all_that_it_needs(
    registries: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(CRATES.iterdir())
    monkeypatch.setattr(packages, "packages_root", lambda: tmp_path)
    folder = build_environment(WANTED, "3.11")
    names = {line.split(" ")[0] for line in lock_of(folder)}
    assert {"crate:md5==0.7.0", f"go:{TESTIFY}@v1.8.1", "go:gopkg.in/yaml.v3@v3.0.1"} <= names
    there = names_there(WANTED)
    assert {"crate:rand", "crate:rand_core", f"go:{TESTIFY}", "go:gopkg.in/yaml.v3"} <= there
    assert sorted(CRATES.iterdir()) == before  # cargo's source is the user's
    with pytest.raises(SandboxError, match=r"^sandbox.packages are not built"):
        packages.find_environment(WANTED, "3.11")  # fetched, and not compiled


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["crate:rand==0.0.1", "crate:no-such-crate", f"go:{TESTIFY}@v0.0.1"])
def test_what_cannot_be_had_is_told_in_one_line(
    registries: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setattr(packages, "packages_root", lambda: tmp_path)
    with pytest.raises(SandboxError, match=r"no packages: (cargo|go) failed: .*") as told:
        build_environment([wanted], "3.11")
    assert "\n" not in str(told.value)
    assert wanted.partition(":")[2].partition("==")[0].partition("@")[0] in str(told.value)
