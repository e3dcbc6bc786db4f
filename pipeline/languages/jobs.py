"""Turns a program in another language into a job of the sandbox."""

import json
from dataclasses import dataclass

from pipeline.languages.drivers.c import SignatureError
from pipeline.languages.table import Language, find_language
from pipeline.languages.toolchains import Toolchains, fill, to_bytes
from pipeline.sandbox import Job
from pipeline.sandbox.inside.foreign import encode_files
from schemas.execution import Status


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
    if row.compile:
        compiled = toolchains.compile(row, sources)
        if compiled.diagnostics:
            return Unprepared(Status.COMPILE_ERROR, _main_line(compiled.diagnostics))
        files = dict(compiled.files)
        if "driver.js" in sources:  # of TypeScript only the solution is compiled
            files |= encode_files({"driver.js": to_bytes(sources["driver.js"])})
    else:
        toolchains.require([language])
        files = encode_files({name: to_bytes(text) for name, text in sources.items()})
    return Job("", "", entry_point, inputs, foreign=_plan(row, entry_point, files, toolchains), room=row.room)


def _main_line(diagnostics: str) -> str:
    """Return the first line that speaks of an error, else the first."""
    lines = diagnostics.splitlines()
    return next((line for line in lines if "error" in line), lines[0])[:200]


def _plan(row: Language, entry_point: str, files: dict[str, str], toolchains: Toolchains) -> str:
    """Return the plan that `inside.foreign` starts a program by."""
    command = [part.replace("{entry_point}", entry_point) for part in fill(row.run, toolchains.tools())]
    return json.dumps(
        {
            "files": files,
            "command": command,
            "environment": toolchains.environment(row),
            "words": row.speaks_words,
            "overhead_mib": row.overhead_mib,
        }
    )
