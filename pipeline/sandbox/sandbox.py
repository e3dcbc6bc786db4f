"""One started sandbox: runs programs one after the other, as candidates or as testers."""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pairsmith.pipeline.sandbox.channel import Channel, Kit, first_frame
from pairsmith.pipeline.sandbox.contract import Answer, Ending, Engine, Job, SandboxFaultError, SandboxStartError
from pairsmith.schemas.config import SandboxConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.values import normalise

_MIB = 1 << 20
_INTERPRETER_MIB = 32  # pages of the interpreter's own in every program
_GRACE_S = 30.0  # for the supervisor's own work: forking, killing, reporting
# User ids of programs under `uids` isolation: far above real accounts, and apart from sandbox to sandbox, since
# the kernel counts processes by user across containers.
_FIRST_UID = 0x10000000
_UIDS_EACH = 1 << 16
_START_LIMIT_S = 60.0  # far more than a start takes on a busy machine; later it is a fault, and tried again
_MAX_NUMBER = 1e12  # of seconds and MiB in messages; -1.0 says that the kernel does not tell
_sandbox_numbers = itertools.count(random.SystemRandom().randrange(0x2000))


class Sandbox:
    """A started sandbox. Not for use by two threads at once.

    Attributes:
        n_programs: programs that it has run.
        is_tainted: a program left something behind that could not be removed, forged an answer, or made the kernel
            run out of memory; use a fresh sandbox next.
        python: version of the interpreter inside.
        is_filtered: whether programs in it run under the seccomp filter (see `inside.lockdown`).
    """

    def __init__(self, engine: Engine, config: SandboxConfig, kit: Kit | None = None, hash_seed: int = 0) -> None:
        """Start one and wait until it is ready; a kit says what it holds beside the runner; see `Engine.start`.

        Raises:
            SandboxStartError: if it did not become ready within a minute.
            SandboxError: if the engine says that none can be started.
        """
        self._config = config
        self._wall_s = config.wall_s
        self.n_programs = 0
        self.is_tainted = False
        self._link = engine.start(hash_seed)
        self._channel = Channel(self._link, _MIB)
        first_uid = _FIRST_UID + next(_sandbox_numbers) % 0x2000 * _UIDS_EACH
        self._channel.send_bytes(first_frame(engine.isolation, first_uid, kit))
        try:
            ready = self._receive("ready", limit_s=_START_LIMIT_S)
        except SandboxFaultError as fault:
            self._link.stop()
            raise SandboxStartError(str(fault)) from None
        self.python, self.is_filtered = str(ready["python"]), bool(ready["is_filtered"])

    def run(self, job: Job) -> tuple[list[Answer], Ending]:
        """Run a program on all of its inputs; return an answer each, and how it ended.

        Raises:
            SandboxFaultError: if the sandbox broke; it must be closed then.
        """
        self._open(job, tester=False, inputs=job.inputs)
        answers: list[Answer] = []
        while True:
            message = self._receive("answers", "closed")
            if message["op"] == "closed":
                break
            parts = message.get("answers")
            if not isinstance(parts, list) or len(answers) + len(parts) > len(job.inputs):
                raise SandboxFaultError(f"the sandbox gave other answers than {len(job.inputs)}")
            answers += [self._answer(part) for part in parts]
        ending = self._ending(message)
        if len(answers) != len(job.inputs):
            raise SandboxFaultError(f"the sandbox gave {len(answers)} answers to {len(job.inputs)} inputs")
        return answers, ending

    def begin(self, job: Job) -> Status:
        """Load a program that is then asked by `call`, and ended by `end`. Returns how loading went."""
        self._open(job, tester=False)
        return _status(self._receive("opened"))

    def call(self, arguments: str, is_message: bool = False) -> Answer:
        """Return what the begun program gives for one list of arguments, or for a message of a tester.

        The value of the answer to a message is the program's own text, as it came: a message for the tester.
        """
        self._channel.send({"op": "call", "arguments": arguments})
        return self._answer(self._receive("answer"), is_message)

    def end(self) -> Ending:
        """End the begun program."""
        self._channel.send({"op": "close"})
        return self._ending(self._receive("closed"))

    def run_tester(self, job: Job, ask: Callable[[str], Answer]) -> Ending:
        """Run test code whose requests for the candidate `ask` answers.

        Returns its ending: `ok` with a report, whatever became of its tests.

        Raises:
            SandboxFaultError: if the sandbox broke, or `ask` raised it.
        """
        self._open(job, tester=True)
        while True:
            message = self._receive("call_out", "tested")
            if message["op"] == "tested":
                break
            answer = ask(_text(message, "arguments"))
            is_ok = answer.status is Status.OK
            body = answer.value if is_ok else answer.exception or answer.status.value
            self._channel.send({"op": "reply", "ok": is_ok, "body": body})
        self._channel.send({"op": "close"})
        return replace(self._ending(self._receive("closed")), report=str(message.get("report", "")))

    def close(self) -> None:
        """End the sandbox with everything in it."""
        self._link.stop()

    def _open(self, job: Job, tester: bool, inputs: Sequence[str] | None = None) -> None:
        self.n_programs += 1
        config = _lowered(self._config, job)
        self._wall_s = config.total_wall_s if job.mode == "stdin" else config.wall_s
        limits = self._limits(config, job)
        self._channel.allow(2 * int(limits["answer_bytes"]) + _MIB)
        self._channel.send(
            {
                "op": "open",
                "setup": job.setup,
                "code": job.code,
                "entry_point": job.entry_point,
                "mode": job.mode,
                "tester": tester,
                "foreign": job.foreign,
                "views": job.views,
                "variation": job.variation,
                "inputs": inputs,
                "limits": limits,
            }
        )

    def _limits(self, config: SandboxConfig, job: Job) -> dict[str, float]:
        room = job.room
        longest, together = (_room_for(n) for n in job.n_expected_bytes)
        return {
            **({"is_whole": 1.0} if job.is_whole else {}),
            "cpu_s": math.ceil(self._wall_s) if job.mode == "stdin" else config.cpu_s,
            "case_cpu_s": config.cpu_s,
            "wall_s": self._wall_s,
            "case_wall_s": config.case_wall_s,
            "memory_mib": config.memory_mib,
            "resident_mib": config.memory_mib + room.reserve_mib + _INTERPRETER_MIB,
            "reserve_mib": room.reserve_mib and room.reserve_mib + room.n_stacks * config.memory_mib,
            "n_processes": config.n_processes + room.n_more_processes,
            "files_mib": config.files_mib,
            "output_bytes": int(config.output_mib * _MIB),
            "answer_bytes": max(int(config.answer_mib * _MIB), longest),
            "answers_bytes": max(int(config.answers_mib * _MIB), together),
        }

    def _receive(self, *expected: str, limit_s: float | None = None) -> dict[str, Any]:
        """Return the next message, which must be one of those kinds: a broken sandbox may say anything."""
        kind: object = "waiting"
        while kind == "waiting":  # the program got no processor: it has more time, and so has its sandbox
            message = self._channel.receive(self._wall_s + _GRACE_S if limit_s is None else limit_s)
            kind = message.get("op") if isinstance(message, dict) else None
        if kind == "closed" and message.get("status") == Status.FAULT:
            raise SandboxFaultError(_text(message, "detail"))
        if kind not in expected:
            raise SandboxFaultError(f"the sandbox sent {kind!r} where {expected[0]!r} was due")
        return message

    def _answer(self, message: Any, is_message: bool = False) -> Answer:
        status = _status(message)
        value = _text(message, "value") if status is Status.OK else ""
        if status is Status.OK and not is_message:
            try:
                value = normalise(value)
            except (ValueError, RecursionError):  # text that is no encoded value: written past our encoder
                status, value = Status.FORGED, ""
        return Answer(status, value, _text(message, "exception"), _number(message, "wall_s"))

    def _ending(self, closed: dict[str, Any]) -> Ending:
        opened = closed.get("opened")
        status, detail = _status(closed), _text(closed, "detail")
        # A fresh sandbox after anything odd, though nothing is known to get past a program's end.
        killed_for_memory = status is Status.MEMORY and detail
        self.is_tainted = closed.get("clean") is not True or status is Status.FORGED or bool(killed_for_memory)
        if status is Status.OK:
            status = _status(opened)
        cpu_s, wall_s, peak_mib, cpu_wait_s = (
            _number(closed, key) for key in ("cpu_s", "wall_s", "peak_mib", "cpu_wait_s")
        )
        return Ending(status, _text(opened, "exception"), detail, cpu_s, wall_s, peak_mib, cpu_wait_s)


def _text(message: Any, key: str) -> str:
    """Return a text of a message, which a broken sandbox may have filled with anything."""
    value = message.get(key) if isinstance(message, dict) else None
    if not isinstance(value, str):
        raise SandboxFaultError(f"the sandbox sent a message without a text {key!r}")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _number(message: dict[str, Any], key: str) -> float:
    """Return a number of a message. Raises as `_text`."""
    value = message.get(key)
    if type(value) not in (int, float) or not -1.0 <= value < _MAX_NUMBER:  # type: ignore[operator]
        raise SandboxFaultError(f"the sandbox sent a message without a number {key!r}")
    return float(value)  # type: ignore[arg-type]


def _status(message: Any) -> Status:
    """Return the status of a message. Raises as `_text`."""
    text = _text(message, "status")
    try:
        return Status(text)
    except ValueError:
        raise SandboxFaultError(f"the sandbox sent the status {text[:20]!r}") from None


def _room_for(n_bytes: int) -> int:
    """Return a limit above an answer of so many bytes: a power of two, so that it does not tell the answer."""
    return 1 << (2 * n_bytes).bit_length()


def _lowered(config: SandboxConfig, job: Job) -> SandboxConfig:
    """Return the limits of a program: the configured ones, or lower ones of its own."""
    if not job.lower:
        return config
    return config.model_copy(update={name: min(value, getattr(config, name)) for name, value in job.lower})
