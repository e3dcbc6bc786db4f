"""What every sandbox promises, and what it takes and gives."""

from dataclasses import dataclass
from typing import Literal, Protocol

from pairsmith.pipeline.run.errors import InfrastructureError
from pairsmith.schemas.config import SandboxConfig
from pairsmith.schemas.execution import Status


class SandboxError(InfrastructureError):
    """No sandbox can be had here; the message says what to install or start."""


class SandboxFaultError(Exception):
    """A sandbox broke while it held a program. Proves nothing about the program."""


class SandboxStartError(SandboxFaultError):
    """No sandbox could be started this time; no program was in it."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a language's runtime needs beside the configured limits of a program.

    Attributes:
        reserve_mib: MiB that may be written beside the program's own memory, for a runtime that reserves far more
            addresses than it uses: its address space is not limited. 0 limits the address space.
        n_stacks: threads of the runtime whose stacks are as large as the main one and are hardly used.
        n_more_processes: threads of the runtime itself.
    """

    reserve_mib: int = 0
    n_stacks: int = 0
    n_more_processes: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A program and the inputs that it gets.

    Attributes:
        setup: code that runs first, in the program's own namespace.
        code: the candidate's code, or a tester's test code.
        entry_point: function that is called.
        inputs: texts of values (see `schemas.values`), one a call, in order: lists of arguments, or for `stdin`
            the string on standard input.
        mode: `function` calls the entry point; `stdin` runs the code as a program once for each input, and its
            answer is the string on standard output; `module` answers a suite's requests (see `inside.serving`);
            `suite` runs the code as a pytest or unittest module, in a sandbox with `suite_kit`.
        views: for `function`: one an input, or none at all: what the test wraps around the call (`list`, `bool`,
        ...).
            Where the value is an object of the program's own class, what that gives goes out in its place.
        variation: of what no right program depends on: seed of `random`, working directory, time zone and clock,
        how
            often threads take turns. 0 is the usual.
        foreign: how to start a program of another language (see `inside.foreign`), in place of setup and code;
            empty for Python.
        room: what its runtime needs beside the configured limits.
        n_expected_bytes: of the longest right answer, and of all right answers together, as texts of values: the
            limits of answers leave room for twice as much.
        lower: limits of this program below the configured ones, by name: `cpu_s`, `wall_s`, `memory_mib`, ...
        is_whole: for `stdin`: the answer is a list of standard output, standard error and the exit code (a signal
            is negative), however the run ended, unless a limit did.
    """

    setup: str
    code: str
    entry_point: str
    inputs: tuple[str, ...] = ()
    mode: Literal["function", "stdin", "module", "suite"] = "function"
    views: tuple[str, ...] = ()
    variation: int = 0
    foreign: str = ""
    room: Room = Room()
    n_expected_bytes: tuple[int, int] = (0, 0)
    lower: tuple[tuple[str, float], ...] = ()
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call gave.

    Attributes:
        value: canonical text of the value; empty unless the status is `ok`.
        exception: type name, or how a child process ended; empty unless the status is `exception`, `memory` or
            `exited`.
        wall_s: seconds from input to answer, as the supervisor saw them.
    """

    status: Status
    value: str
    exception: str
    wall_s: float


@dataclass(frozen=True, slots=True)
class Ending:
    """How a whole program ended.

    Attributes:
        status: `ok` if it could answer to the last; else what ended it (see `Status`).
        exception: type of the exception at load, or of a test's failure; empty for none.
        detail: one line for a person; empty for none.
        cpu_s, wall_s: seconds. peak_memory_mib: largest resident set of one process, MiB.
        cpu_wait_s: seconds that it was seen waiting for a processor; looked at only when its time ran out.
        report: text of a suite's outcomes (see `inside.suite`); empty for all else.
    """

    status: Status
    exception: str
    detail: str
    cpu_s: float
    wall_s: float
    peak_memory_mib: float
    cpu_wait_s: float = 0.0
    report: str = ""


class Link(Protocol):
    """The two ends of a started sandbox's pipe, and the way to end it."""

    read_fd: int
    write_fd: int
    is_multiplexed: bool
    """Whether what is read carries Docker's eight-byte stream headers."""

    def stop(self) -> None:
        """End the sandbox with everything in it, at once. May be called twice; never raises."""

    def explain(self) -> str:
        """Return what is known of why it ended, in one line; empty for nothing."""


class Engine(Protocol):
    """Starts sandboxes of one kind.

    Every engine promises: no network, a read-only root, an empty environment, a private /tmp, process space of
    its own, and that nothing of it outlives `stop`. `tests/test_sandbox_contract.py` is the list of checks.
    """

    name: str
    isolation: str
    """`namespaces` or `uids`: how its cells keep programs apart (see `pipeline.sandbox.inside`)."""
    limits_tree: bool
    """Whether a sandbox started last limits the memory of all its processes together, not of each alone."""

    def start(self, hash_seed: int = 0) -> Link:
        """Start one sandbox that runs the bootstrap and reads its pipe.

        Args:
            hash_seed: seed of the hashes of text; and how many numbers of processes are left out.

        Raises:
            SandboxStartError: if this one did not start; another may.
            SandboxError: if none can.
        """

    def sibling(self, config: SandboxConfig) -> "Engine":
        """Return another engine of this kind, with limits of its own."""

    def close(self) -> None:
        """End and remove everything that this engine started. Never raises."""
