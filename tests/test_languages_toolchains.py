"""Toolchains: found inside, named when they are missing, and asked once for each program."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.languages.contract import LanguageError
from pairsmith.pipeline.languages.table import LANGUAGES, find_language, packages_of
from pairsmith.pipeline.languages.toolchains import Toolchains, Unprepared, prepare
from pairsmith.pipeline.sandbox import Answer, Ending, Job, SandboxFaultError
from pairsmith.schemas.execution import Status
from pairsmith.schemas.values import encode_value


class FakePool:
    """Stands for a pool whose sandboxes answer compile jobs as they are told to."""

    name, packages = "docker", ()

    def __init__(self, tools: Mapping[str, str], built: Answer | None = None, cpu_s: float = 0.1) -> None:
        self.tools, self.built, self.cpu_s = tools, built, cpu_s
        self.jobs: list[Job] = []

    def sibling(self, limits: Mapping[str, Any]) -> "FakePool":
        assert limits["memory_mib"] > 512
        return self

    def run(self, work: Any) -> tuple[list[Answer], Ending]:
        bench = type("Bench", (), {"candidate": type("Sandbox", (), {"run": staticmethod(self._run)})})
        done: tuple[list[Answer], Ending] = work(bench)
        return done

    def _run(self, job: Job) -> tuple[list[Answer], Ending]:
        self.jobs.append(job)
        ending = Ending(Status.OK, "", "wall", self.cpu_s, 1.0, 1.0)
        if job.entry_point == "build":
            assert self.built is not None
            return [self.built], ending
        value = self.tools if job.entry_point == "find_tools" else "1.0"
        return [Answer(Status.OK, encode_value(value), "", 0.1)], ending

    def close(self) -> None:
        """Nothing was started."""


def answer(value: object) -> Answer:
    return Answer(Status.OK, encode_value(value), "", 0.1)


def prepared(pool: FakePool, cache: Path | None = None, code: str = "int f(int x) { return x; }") -> Any:
    with Toolchains(pool, cache) as toolchains:  # type: ignore[arg-type]
        return prepare(code, "", "f", "c", ("[1]",), toolchains)


def test_a_missing_toolchain_names_its_package() -> None:
    with pytest.raises(LanguageError, match=r"Java can't run in docker: no javac, java; .*default-jdk-headless"):
        Toolchains(FakePool({"gcc": "/usr/bin/gcc"})).require(["c", "java", "python"])  # type: ignore[arg-type]
    with pytest.raises(LanguageError, match="unknown language 'cobol'; known are python, javascript"):
        find_language("cobol")


def test_packages_are_named_once() -> None:
    assert packages_of(["typescript", "javascript"]) == ["nodejs", "node-typescript"]
    assert set(packages_of(["all"])) == {package for row in LANGUAGES.values() for package in row.packages}


def test_what_was_compiled_is_kept_by_content(tmp_path: Path) -> None:
    pool = FakePool({"gcc": "/usr/bin/gcc"}, answer({"files": {"program": "AAAA"}}))
    first = prepared(pool, tmp_path)
    n_jobs = len(pool.jobs)
    assert '"program": "AAAA"' in first.foreign
    assert prepared(pool, tmp_path) == first
    assert [job.entry_point for job in pool.jobs[n_jobs:]] == ["find_tools", "read_version"]
    prepared(pool, tmp_path, "int f(int x) { return -x; }")
    assert pool.jobs[-1].entry_point == "build"
    for path in tmp_path.rglob("*.json"):
        path.write_text("{half")
    prepared(pool, tmp_path)
    assert pool.jobs[-1].entry_point == "build"


@pytest.mark.parametrize(
    ("built", "cpu_s", "detail"),
    [
        (answer({"exit_code": 1, "diagnostics": "In file:\nmain.c:1: error: x"}), 0.1, "main.c:1: error: x"),
        (answer({"exit_code": 3, "diagnostics": ""}), 0.1, "exit code 3"),
        (answer({"exit_code": -11, "diagnostics": ""}), 0.1, "the compiler died of signal 11"),
        (Answer(Status.TIMEOUT, "", "", 60.0), 60.0, "the compiler ended with timeout wall"),
        (Answer(Status.MEMORY, "", "", 60.0), 3.0, "the compiler ended with memory wall"),
    ],
)
def test_what_ends_a_compiler_by_the_programs_fault(built: Answer, cpu_s: float, detail: str) -> None:
    found = prepared(FakePool({"gcc": "/usr/bin/gcc"}, built, cpu_s))
    assert found == Unprepared(Status.COMPILE_ERROR, detail)


def test_a_compiler_that_got_no_time_proves_nothing(tmp_path: Path) -> None:
    pool = FakePool({"gcc": "/usr/bin/gcc"}, Answer(Status.TIMEOUT, "", "", 140.0), cpu_s=1.0)
    with pytest.raises(SandboxFaultError, match="not given the time"):
        prepared(pool, tmp_path)
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("struct p { int x; };\nstruct p f(int x) { struct p q = {x}; return q; }", "a struct p is no value"),
        ("int *f(int *xs, int n) { return xs; }", "a list is returned without `int *returnSize`"),
        ("int f(void *p) { return 1; }", "no value can be a void"),
    ],
)
def test_signatures_that_c_can_not_carry_are_named(code: str, detail: str) -> None:
    found = prepared(FakePool({"gcc": "/usr/bin/gcc"}), None, code)
    assert found.status is Status.COMPILE_ERROR
    assert found.detail.startswith(f"unknown signature: {detail}")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("go"), reason="no Go here")
def test_go_builds_without_a_compiled_standard_library(tmp_path: Path) -> None:
    go = tmp_path / "go"  # says what Go from 1.20 on does: nothing lies compiled below its root
    go.write_text(
        f'#!/bin/sh\n[ "$1 $2" = "env GOROOT" ] && exec echo {tmp_path}\nexec {shutil.which("go")} "$@"\n'
    )
    go.chmod(0o755)
    code = "func f(x int) int { return x + 1 }"
    tests = 'func TestF(t *testing.T) { t.Run("a", func(t *testing.T) { assert.Equal(t, 2, f(1)) }) }'
    for name, text in find_language("go").driver.tests(code, "", tests, "f").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.replace("=/tmp/", f"={tmp_path}/"), encoding="utf-8")
    done = subprocess.run(["/bin/sh", "build.sh", go], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "program").is_file()
