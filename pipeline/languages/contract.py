"""What a language brings to be compiled and run in a sandbox: its row and its driver.

Paths of tools are found inside the sandbox, by name on PATH, else by pattern; commands name them in braces.
Everything lies in /tmp, where commands run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.sandbox.contract import Room

# A JVM, V8 and Go reserve gigabytes of addresses; this is what they really write beside the program's own memory
# (stacks of their threads are counted in full).
NO_ROOM = Room()
RUNTIME_ROOM = Room(
    reserve_mib=512, n_stacks=16, n_more_processes=32
)  # Node's threads: V8's 5, libuv's 4, signals


class LanguageError(PairsmithError):
    """A language that the table doesn't have, or whose toolchain is missing where programs run."""


class Driver(Protocol):
    """A module that stands between a solution and the lines that `sandbox.inside.foreign` reads and writes."""

    def sources(self, code: str, setup: str, entry_point: str) -> dict[str, str]:
        """Return the files to compile or run.

        Raises:
            SignatureError: if no driver can be made for the entry point's signature.
        """

    def tests(self, code: str, setup: str, test_code: str, entry_point: str) -> dict[str, str]:
        """Return the files of a solution with tests in its process."""

    def program(self, code: str, setup: str) -> dict[str, str]:
        """Return the files of a whole program."""

    def finds(self, code: str, entry_point: str) -> bool:
        """Return whether the code defines the entry point; True where only running it tells."""


class SignatureError(ValueError):
    """A signature that a language's conventions don't cover."""


@dataclass(frozen=True, slots=True)
class Language:
    """One row.

    Attributes:
        title: name for a person.
        tools: name to patterns of where each may lie when it is not on PATH.
        packages: Debian packages that bring the tools.
        version: command whose first line names the toolchain's version.
        driver: its module `driver`.
        compile: commands that make the artifact; empty where the files run as they are.
        artifact: patterns of the files that are run; empty for the sources themselves.
        run: command that runs it under its driver; `{heap_mib}` is the memory left for its heap, `{stack_mib}` and
            `{stack_kib}` the stack that it may have, `{entry_point}` its function.
        run_program: command of a whole program on stdin; `{entry_point}` is the class of its `main` (Java).
        overhead_mib: what the runtime needs of the program's memory beside its heap.
        room: limits beside the configured ones, of a run. compile_room: those of compiling.
        has_tuples: whether it has tuples at all; else a list stands for one.
        has_only_text_keys: whether its plain maps have text for keys.
        speaks_words: whether arguments and values are words (see `inside.words`).
        missing: pattern of the compiler's complaint about an import of a package that is not there, whose name is
            its group; those of the language's own library are the program's fault.
        environment: names and values beside PATH, HOME, LANG and TZ; `{java home}` is where that tool lies.
    """

    name: str
    title: str
    tools: Mapping[str, tuple[str, ...]]
    packages: tuple[str, ...]
    version: tuple[str, ...]
    driver: Driver
    run: tuple[str, ...]
    run_program: tuple[str, ...]
    compile: tuple[tuple[str, ...], ...] = ()
    artifact: tuple[str, ...] = ()
    overhead_mib: int = 0
    room: Room = NO_ROOM
    compile_room: Room = NO_ROOM
    has_tuples: bool = True
    has_only_text_keys: bool = False
    speaks_words: bool = False
    environment: tuple[tuple[str, str], ...] = ()
    missing: str = ""
