"""Turns a program in another language into a job of the sandbox."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.languages.contract import Language, SignatureError
from pairsmith.pipeline.languages.java.driver import main_class
from pairsmith.pipeline.languages.table import find_language
from pairsmith.pipeline.languages.toolchains import Toolchains, fill, to_bytes
from pairsmith.pipeline.sandbox import Job
from pairsmith.pipeline.sandbox.inside.foreign import encode_files
from pairsmith.schemas.execution import Status

TESTS = "pairsmith_tests"
_PYTHON_END = f"def {TESTS}():\n    return None\n"  # reached only if the tests above it were


@dataclass(frozen=True, slots=True)
class Unprepared:
    """Why a program can't run, by its own fault: `compile_error` or `missing`, and a line for a person."""

    status: Status
    detail: str = ""


def prepare(
    code: str, setup: str, entry_point: str, language: str, inputs: tuple[str, ...], toolchains: Toolchains
) -> Job | Unprepared:
    """Return the job that runs a program on inputs, compiled where its language wants that.

    Raises:
        LanguageError: if the language is unknown or its toolchain missing.
        SandboxFaultError: if the sandbox broke while compiling.
        SandboxError: if it stays broken.
    """
    row = find_language(language)
    if not row.driver.finds(code, entry_point):
        return Unprepared(Status.MISSING)
    try:
        sources = row.driver.sources(code, setup, entry_point)
    except SignatureError as error:
        return Unprepared(Status.COMPILE_ERROR, str(error))
    files = _make(row, sources, toolchains)
    if isinstance(files, Unprepared):
        return files
    plan = _plan(row, row.run, entry_point, files, toolchains)
    return Job("", "", entry_point, inputs, foreign=plan, room=row.room)


def prepare_tests(
    code: str, setup: str, test_code: str, entry_point: str, language: str, toolchains: Toolchains
) -> Job | Unprepared:
    """Return the job that runs a solution with tests in its process, Python too: one call that ends if they do.

    Raises: as `prepare`.
    """
    if language == "python":
        return Job(setup, f"{code}\n\n{test_code}\n\n{_PYTHON_END}", TESTS, ("[]",))
    row = find_language(language)
    if not row.driver.finds(code, entry_point):
        return Unprepared(Status.MISSING)
    files = _make(row, row.driver.tests(code, setup, test_code, entry_point), toolchains)
    if isinstance(files, Unprepared):
        return files
    return Job("", "", TESTS, ("[]",), foreign=_plan(row, row.run, TESTS, files, toolchains), room=row.room)


def prepare_program(
    code: str, setup: str, language: str, inputs: tuple[str, ...], toolchains: Toolchains
) -> Job | Unprepared:
    """Return the job that runs a whole program once for each text on its standard input.

    Args:
        inputs: texts of string values, as `Job.inputs` has them.

    Raises: as `prepare`.
    """
    row = find_language(language)
    files = _make(row, row.driver.program(code, setup), toolchains)
    if isinstance(files, Unprepared):
        return files
    start = main_class(code) if language == "java" else ""
    plan = _plan(row, row.run_program, start, files, toolchains)
    return Job("", "", "", inputs, mode="stdin", foreign=plan, room=row.room)


def _make(row: Language, sources: Mapping[str, str], toolchains: Toolchains) -> dict[str, str] | Unprepared:
    """Return the files that run, compiled where the language wants that."""
    if not row.compile:
        toolchains.require([row.name])
        return encode_files({name: to_bytes(text) for name, text in sources.items()})
    compiled = toolchains.compile(row, sources)
    if compiled.diagnostics:
        missing = re.search(row.missing, compiled.diagnostics) if row.missing else None
        if missing is not None:
            return Unprepared(Status.COMPILE_ERROR, f"missing package: {missing.group(1)}")
        return Unprepared(Status.COMPILE_ERROR, _main_line(compiled.diagnostics))
    return dict(compiled.files)


def _main_line(diagnostics: str) -> str:
    """Return the first line that speaks of an error, else the first."""
    lines = diagnostics.splitlines()
    return next((line for line in lines if "error" in line), lines[0])[:200]


def _plan(
    row: Language, run: Sequence[str], entry_point: str, files: dict[str, str], toolchains: Toolchains
) -> str:
    """Return the plan that `inside.foreign` starts a program by."""
    command = [part.replace("{entry_point}", entry_point) for part in fill(run, toolchains.tools())]
    return json.dumps(
        {
            "files": files,
            "command": command,
            "environment": toolchains.environment(row),
            "words": row.speaks_words,
            "overhead_mib": row.overhead_mib,
        }
    )
