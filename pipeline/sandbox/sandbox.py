"""One started sandbox: runs programs one after the other, as candidates or as testers."""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pairsmith.pipeline.sandbox.bootstrap import first_frame
from pairsmith.pipeline.sandbox.channel import Channel
from pairsmith.pipeline.sandbox.contract import Answer, Ending, Engine, Job, SandboxFaultError, SandboxStartError
from pairsmith.pipeline.sandbox.suite_kit import Kit
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
            SandboxStartError: if it did not become ready in `start_limit_s`.
            SandboxError: if the engine says that none can be started.
        """
        self._config = config
        self._wall_s = config.wall_s
        self.n_programs = 0
        self.is_tainted = False
        self._link = engine.start(hash_seed)
        self._channel = Channel(self._link, int(2 * config.answer_mib * _MIB) + _MIB)
        first_uid = _FIRST_UID + next(_sandbox_numbers) % 0x2000 * _UIDS_EACH
        self._channel.send_bytes(first_frame(engine.isolation, first_uid, kit))
        try:
            ready = self._receive("ready", limit_s=config.start_limit_s)
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
            answers += [self._answer(part) for part in message["answers"]]
        ending = self._ending(message)
        if len(answers) != len(job.inputs):
            raise SandboxFaultError(f"the sandbox gave {len(answers)} answers to {len(job.inputs)} inputs")
        return answers, ending

    def begin(self, job: Job) -> Status:
        """Load a program that is then asked by `call`, and ended by `end`. Returns how loading went."""
        self._open(job, tester=False)
        return Status(self._receive("opened")["status"])

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
            answer = ask(str(message["arguments"]))
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
        self._wall_s = self._config.total_wall_s if job.mode == "stdin" else self._config.wall_s
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
                "limits": self._limits(job),
            }
        )

    def _limits(self, job: Job) -> dict[str, float]:
        config, room = self._config, job.room
        return {
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
            "answer_bytes": int(config.answer_mib * _MIB),
            "answers_bytes": int(config.answers_mib * _MIB),
        }

    def _receive(self, *expected: str, limit_s: float | None = None) -> dict[str, Any]:
        """Return the next message, which must be one of those kinds: a broken sandbox may say anything."""
        kind: object = "waiting"
        while kind == "waiting":  # the program got no processor: it has more time, and so has its sandbox
            message = self._channel.receive(self._wall_s + _GRACE_S if limit_s is None else limit_s)
            kind = message.get("op") if isinstance(message, dict) else None
        if kind == "closed" and message["status"] == Status.FAULT:
            raise SandboxFaultError(message["detail"])
        if kind not in expected:
            raise SandboxFaultError(f"the sandbox sent {kind!r} where {expected[0]!r} was due")
        return message

    def _answer(self, message: dict[str, Any], is_message: bool = False) -> Answer:
        try:
            status = Status(message["status"])
            value = message["value"] if status is Status.OK else ""
            if status is Status.OK and not is_message:
                value = normalise(value)
        except (ValueError, RecursionError):  # text that is no encoded value: written past our encoder
            status, value = Status.FORGED, ""
        return Answer(status, value, message["exception"], message["wall_s"])

    def _ending(self, closed: dict[str, Any]) -> Ending:
        opened = closed["opened"]
        status = Status(closed["status"])
        # A fresh sandbox after anything odd, though nothing is known to get past a program's end.
        killed_for_memory = status is Status.MEMORY and closed["detail"]
        self.is_tainted = not closed["clean"] or status is Status.FORGED or bool(killed_for_memory)
        if status is Status.OK:
            status = Status(opened["status"])
        return Ending(
            status,
            opened["exception"],
            closed["detail"],
            closed["cpu_s"],
            closed["wall_s"],
            closed["peak_mib"],
            closed["starved_s"],
        )
