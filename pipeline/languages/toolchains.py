"""Finds the toolchains of a sandbox, compiles each distinct program once, and makes jobs of programs."""

import hashlib
import json
import os
import re
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsmith.pipeline.languages.contract import (
    RUNTIME_ROOM,
    Language,
    LanguageError,
    MissingPackageError,
    SignatureError,
)
from pairsmith.pipeline.languages.java import main_class
from pairsmith.pipeline.languages.table import LANGUAGES, find_language
from pairsmith.pipeline.sandbox import Answer, Ending, Job, SandboxFaultError, SandboxPool
from pairsmith.pipeline.sandbox.contract import Engine
from pairsmith.pipeline.sandbox.inside.foreign import encode_files
from pairsmith.pipeline.sandbox.packages import locked
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.values import decode_value, encode_arguments

# Compilers are allowed far more than the programs that they make. An ordinary solution takes a second or two.
_LIMITS: Mapping[str, Any] = {
    "cpu_s": 60, "wall_s": 150.0, "case_wall_s": 140.0, "memory_mib": 2048, "files_mib": 256, "n_processes": 64,
    "output_mib": 4.0, "answer_mib": 64.0,
}  # fmt: skip
_FROM = "from pairsmith.pipeline.sandbox.inside.building import "


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of compiling one program."""

    files: Mapping[str, str]  # files that are run, name to base64 of zlib; empty where it failed
    diagnostics: str = ""  # the compiler's first lines; empty where it went well


class Toolchains:
    """The compilers beside a pool of sandboxes: sandboxes of the same kind, with limits of their own.

    May be used by many threads at once. Nothing is started before it is needed.
    """

    def __init__(self, pool: SandboxPool, cache: Path | None = None) -> None:
        """Keep what is compiled in a folder, by content; None keeps nothing."""
        self._pool, self._cache = pool, cache
        self._compilers: SandboxPool | None = None
        self._lock = threading.Lock()
        self._tools: dict[str, str] | None = None
        self._versions: dict[str, str] = {}

    def __enter__(self) -> "Toolchains":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the sandboxes of compilers."""
        self.close()

    def close(self) -> None:
        """End the sandboxes of compilers."""
        with self._lock:
            if self._compilers is not None:
                self._compilers.close()
                self._compilers = None

    def tools(self) -> Mapping[str, str]:
        """Return the tools of all languages that are there, name to path inside the sandbox."""
        with self._lock:
            if self._tools is None:
                patterns = {name: list(globs) for row in LANGUAGES.values() for name, globs in row.tools.items()}
                self._tools = dict(self._ask("find_tools", [patterns]))
            return self._tools

    def environment(self, language: Language) -> dict[str, str]:
        """Return the environment that a language's commands need beside PATH and the like."""
        names = [name for name, _ in language.environment]
        return dict(zip(names, fill((value for _, value in language.environment), self._tools or {}), strict=True))

    def version(self, language: Language) -> str:
        """Return what a language's toolchain says of itself; empty if it is not there."""
        tools = self.tools()
        if not all(name in tools for name in language.tools):
            return ""
        with self._lock:
            if language.name not in self._versions:
                command = fill(language.version, tools)
                reply = self._ask("read_version", [command, self.environment(language)])
                self._versions[language.name] = str(reply)
            return self._versions[language.name]

    def require(self, names: Iterable[str]) -> None:
        """Check that programs of these languages can run here.

        Raises:
            LanguageError: for an unknown language, or one whose toolchain is missing; it names the packages.
        """
        for row in [find_language(name) for name in sorted(set(names) - {"python"})]:
            if not self.version(row):
                raise LanguageError(why_missing(row, self._pool.name))

    def compile(self, language: Language, files: Mapping[str, str]) -> Compiled:
        """Compile the sources of one program, or find what they became before.

        Raises:
            LanguageError: if the toolchain is missing.
            SandboxFaultError: if the sandbox broke, or wall time ran out before CPU time: nothing is proved.
            SandboxError: if the sandbox stays broken.
        """
        self.require([language.name])
        sources = encode_files({name: to_bytes(text) for name, text in files.items()})
        commands = [fill(command, self.tools()) for command in language.compile]
        where = [
            self._pool.name,
            locked(self._pool.packages),
        ]  # one machine links against what another may not have
        key = _digest([*where, self.version(language), commands, list(language.artifact), dict(files)])
        known = self._read(key)
        if known is None:
            arguments = [sources, commands, list(language.artifact), self.environment(language)]
            known = self._build(language, arguments)
            self._write(key, known)
        return known

    def _build(self, language: Language, arguments: list[Any]) -> Compiled:
        job = Job("", _FROM + "build", "build", (encode_arguments(arguments),), room=language.compile_room)
        answer, ending = self._run(job)
        if answer.status is Status.OK:
            reply = decode_value(answer.value)
            if "files" in reply:
                return Compiled(reply["files"])
            if reply["exit_code"] > 0 or reply["diagnostics"]:
                return Compiled({}, reply["diagnostics"] or f"exit code {reply['exit_code']}")
            return Compiled({}, f"the compiler died of signal {-reply['exit_code']}")
        if answer.status is Status.TIMEOUT and ending.cpu_s < _LIMITS["cpu_s"] / 2:
            raise SandboxFaultError(f"{language.title}: the compiler was not given the time that it needs")
        # It is the program's own doing: endless templates, a table of gigabytes.
        return Compiled({}, f"the compiler ended with {answer.status.value} {ending.detail}".strip())

    def _ask(self, function: str, arguments: list[Any]) -> Any:
        answer, ending = self._run(
            Job("", _FROM + function, function, (encode_arguments(arguments),), room=RUNTIME_ROOM)
        )
        if answer.status is not Status.OK:
            raise SandboxFaultError(f"toolchains can't be listed: {answer.status.value} {ending.detail}")
        return decode_value(answer.value)

    def _run(self, job: Job) -> tuple[Answer, Ending]:
        if self._compilers is None:
            self._compilers = self._pool.sibling(_LIMITS)
        answers, ending = self._compilers.run(lambda bench: bench.candidate.run(job))
        return answers[0], ending

    def _read(self, key: str) -> Compiled | None:
        if self._cache is None:
            return None
        try:
            reply = json.loads((self._cache / key[:2] / f"{key}.json").read_bytes())
            return Compiled(reply["files"], reply["diagnostics"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # not there, or half of it
            return None

    def _write(self, key: str, compiled: Compiled) -> None:
        if self._cache is None:
            return
        folder = self._cache / key[:2]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="ascii") as file:
            json.dump({"files": dict(compiled.files), "diagnostics": compiled.diagnostics}, file)
        os.replace(file.name, folder / f"{key}.json")  # noqa: PTH105


def describe_languages(engine: Engine, config: SandboxConfig) -> str:
    """Return one line on which languages an engine's sandboxes can run, with versions, and what is missing.

    Raises:
        SandboxError: if no sandbox starts.
    """
    with Toolchains(SandboxPool(engine, config, ExecutionConfig())) as toolchains:
        versions = {row.title: (toolchains.version(row), row.packages) for row in LANGUAGES.values()}
    there = ", ".join(f"{title} ({version})" for title, (version, _) in versions.items() if version)
    missing = ", ".join(
        f"{title} ({' '.join(names)})" for title, (version, names) in versions.items() if not version
    )
    return f"languages: Python, {there}" + (f"; missing (Debian packages): {missing}" if missing else "")


def why_missing(language: Language, backend: str) -> str:
    """Return what to install, and where, for a language whose toolchain is not there."""
    packages = " ".join(language.packages)
    where = (
        f"`pairsmith sandbox build --languages {language.name}` puts them into the image"
        if backend == "docker"
        else f"`apt-get install {packages}` on this machine, whose /usr the sandbox sees"
    )
    return f"{language.title} can't run in {backend}: no {', '.join(language.tools)}; {where} (Debian: {packages})"


def fill(command: Iterable[str], tools: Mapping[str, str]) -> list[str]:
    """Return a command with paths of tools in place of names in braces; `{java home}` is where java lies."""
    filled = []
    for part in command:
        for name, path in tools.items():
            part = part.replace("{" + name + "}", path).replace("{" + name + " home}", str(Path(path).parents[1]))
        filled.append(part)
    return filled


def to_bytes(text: str) -> bytes:
    """Return text as UTF-8; a lone surrogate, which no compiler takes, becomes a question mark."""
    return text.encode("utf-8", "replace")


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


TESTS = "pairsmith_tests"
_MISSING, _UNKNOWN = "missing package: ", "unknown signature: "
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
        files = _make(row, sources, toolchains)
    except SignatureError as error:
        made = _make_by_values(row, code, setup, entry_point, inputs, toolchains)
        files = made or Unprepared(Status.COMPILE_ERROR, f"{_UNKNOWN}{error}")
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
    if entry_point not in code:  # it may be a class, which is no function that a driver finds
        return Unprepared(Status.MISSING)
    try:
        files = _make(row, row.driver.tests(code, setup, test_code, entry_point), toolchains)
    except SignatureError as error:
        why = _MISSING if isinstance(error, MissingPackageError) else _UNKNOWN
        return Unprepared(Status.COMPILE_ERROR, f"{why}{error}")
    if isinstance(files, Unprepared):
        return files
    return Job("", "", TESTS, ("[]",), foreign=_plan(row, row.run, TESTS, files, toolchains), room=row.room)


def prepare_program(
    code: str, setup: str, language: str, inputs: tuple[str, ...], toolchains: Toolchains
) -> Job | Unprepared:
    """Return the job that runs a whole program once for each text on its standard input.

    Raises: as `prepare`.
    """
    row = find_language(language)
    files = _make(row, row.driver.program(code, setup), toolchains)
    if isinstance(files, Unprepared):
        return files
    start = main_class(code) if language == "java" else ""
    plan = _plan(row, row.run_program, start, files, toolchains)
    return Job("", "", "", inputs, mode="stdin", foreign=plan, room=row.room)


def _make_by_values(
    row: Language, code: str, setup: str, entry_point: str, inputs: tuple[str, ...], toolchains: Toolchains
) -> dict[str, str] | Unprepared | None:
    """Return the files that run a program whose types the arguments tell; None where they don't."""
    if row.driver.by_values is None:
        return None
    arguments = [list(decode_value(text)) for text in inputs]
    try:
        files = _make(row, row.driver.by_values(code, setup, entry_point, arguments), toolchains)
    except SignatureError:
        return None
    is_known = not isinstance(files, Unprepared) or files.detail.startswith(_MISSING)
    return files if is_known else None


def _make(row: Language, sources: Mapping[str, str], toolchains: Toolchains) -> dict[str, str] | Unprepared:
    """Return the files that run, compiled where the language wants that."""
    if not row.compile:
        toolchains.require([row.name])
        return encode_files({name: to_bytes(text) for name, text in sources.items()})
    compiled = toolchains.compile(row, sources)
    if compiled.diagnostics:
        missing = re.search(row.missing, compiled.diagnostics) if row.missing else None
        if missing is not None:
            name = next(part for part in missing.groups() if part)
            return Unprepared(Status.COMPILE_ERROR, f"{_MISSING}{name}"[:200])
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
            "files": files, "command": command, "environment": toolchains.environment(row),
            "words": row.speaks_words, "overhead_mib": row.overhead_mib,
        }
    )  # fmt: skip
