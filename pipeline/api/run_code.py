"""Runs whole programs for clients of SandboxFusion: `POST /run_code` with its fields, answered with its fields.

A program runs once, on the text of `stdin`, in a sandbox as any candidate. Nothing of it is judged.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

from pairsmith.pipeline.api.judge import Judge
from pairsmith.pipeline.languages.contract import LanguageError
from pairsmith.pipeline.languages.table import ALIASES, LANGUAGES
from pairsmith.pipeline.languages.toolchains import Unprepared, prepare_program
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.sandbox import Answer, Ending, Job, SandboxFaultError
from pairsmith.schemas.execution import Status
from pairsmith.schemas.values import decode_value, encode_value

_NAMES = {"nodejs": "javascript", "js": "javascript", "ts": "typescript", "c++": "cpp", "golang": "go"}


class RunCodeError(PairsmithError):
    """A request that is none."""


def run_code(judge: Judge, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return SandboxFusion's answer to a request.

    Args:
        judge: its sandboxes run the program.
        request: `code`, `language`, and where wanted `stdin`, `run_timeout` (seconds), `memory_limit_MB`; both are
            at most the server's own limits. `compile_timeout` is the server's.

    Raises:
        RunCodeError: a field is missing or holds what it must not, or the language is unknown.
        SandboxError: the sandbox is gone.
    """
    code, language, stdin = _text(request, "code"), _language(request), _text(request, "stdin", "")
    if request.get("files") or request.get("fetch_files"):
        raise RunCodeError("files and fetch_files are not supported: a program gets standard input only")
    limit_s = _number(request, "run_timeout")
    lower: dict[str, float] = {}
    if limit_s is not None:
        lower = {"case_wall_s": limit_s, "total_wall_s": limit_s, "cpu_s": math.ceil(limit_s)}
    memory_mib = _number(request, "memory_limit_MB")
    if memory_mib is not None:
        lower["memory_mib"] = max(int(memory_mib), 64)
    inputs = (encode_value(stdin),)
    try:
        if language == "python":
            job: Job | Unprepared = Job("", code, "", inputs, mode="stdin")
        else:
            job = prepare_program(code, "", language, inputs, judge.toolchains)
        if isinstance(job, Unprepared):
            return _answer("Failed", compiled=_step("Error", 1, "", job.detail))
        asked = Job(
            job.setup, job.code, "", inputs, "stdin", foreign=job.foreign, room=job.room,
            lower=tuple(lower.items()), is_whole=True,
        )  # fmt: skip
        answers, ending = judge.pool.run(lambda bench: bench.candidate.run(asked))
    except LanguageError as error:
        raise RunCodeError(str(error)) from None
    except SandboxFaultError as fault:
        return _answer("SandboxError", message=str(fault))
    compiled = _step("Finished", 0, "", "") if language != "python" and LANGUAGES[language].compile else None
    return _ran(answers[0], ending, compiled)


def _ran(answer: Answer, ending: Ending, compiled: dict[str, Any] | None) -> dict[str, Any]:
    if answer.status is Status.OK:
        stdout, stderr, code = decode_value(answer.value)
        run = _step("Finished", code, _shown(stdout), _shown(stderr), ending.wall_s)
        return _answer("Success" if code == 0 else "Failed", run, compiled)
    if Status.TIMEOUT in (answer.status, ending.status):
        return _answer("Failed", _step("TimeLimitExceeded", None, "", "", ending.wall_s), compiled)
    reason = answer.exception or ending.exception or ending.detail or str(answer.status)
    return _answer("Failed", _step("Finished", 1, "", f"{ending.status}: {reason}\n", ending.wall_s), compiled)


def _step(status: str, code: int | None, stdout: str, stderr: str, seconds: float = 0.0) -> dict[str, Any]:
    return {
        "status": status, "execution_time": seconds, "return_code": code, "stdout": stdout, "stderr": stderr,
    }  # fmt: skip


def _answer(
    status: str, ran: dict[str, Any] | None = None, compiled: dict[str, Any] | None = None, message: str = ""
) -> dict[str, Any]:
    return {
        "status": status, "message": message, "compile_result": compiled, "run_result": ran,
        "executor_pod_name": None, "files": {},
    }  # fmt: skip


def _shown(printed: str | bytes) -> str:
    return printed if isinstance(printed, str) else printed.decode("utf-8", "replace")


def _language(request: Mapping[str, Any]) -> str:
    name = _text(request, "language").lower()
    name = _NAMES.get(name, ALIASES.get(name, name))
    if name != "python" and name not in LANGUAGES:
        raise RunCodeError(f"unknown language {name[:40]!r}; known are {', '.join(['python', *LANGUAGES])}")
    return name


def _text(request: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = request.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise RunCodeError(f"{name} must be text")
    return value


def _number(request: Mapping[str, Any], name: str) -> float | None:
    """Return a limit; None for no limit, which numbers below 0 mean too."""
    value = request.get(name)
    if value is None:
        return None
    if not is_number(value):
        raise RunCodeError(f"{name} must be a number")
    return float(value) if value > 0 else None


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value of a request is a number that is finite and a float can hold."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False
