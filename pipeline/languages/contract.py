"""What a language brings to be compiled and run in a sandbox: its row, its driver, and what drivers need.

Paths of tools are found inside the sandbox, by name on PATH, else by pattern; commands name them in braces.
Everything lies in /tmp, where commands run.
"""

import functools
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import tree_sitter
from tree_sitter import Node, Parser

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.sandbox.contract import Room

# A JVM, V8 and Go reserve gigabytes of addresses; this is what they really write beside the program's own memory
# (stacks of their threads are counted in full).
NO_ROOM = Room()
RUNTIME_ROOM = Room(512, n_stacks=16, n_more_processes=32)  # Node's threads: V8's 5, libuv's 4, signals


class LanguageError(PairsmithError):
    """A language that the table doesn't have, or whose toolchain is missing where programs run."""


@dataclass(frozen=True, slots=True)
class Driver:
    """What stands between a solution and the lines that `sandbox.inside.foreign` reads and writes."""

    # Gives the files to compile or run, of code, setup and entry point; raises SignatureError if no driver can be
    # made for the entry point's signature.
    sources: Callable[[str, str, str], dict[str, str]]
    # Gives the files of a solution with tests in its process, of code, setup, tests and entry point.
    tests: Callable[[str, str, str, str], dict[str, str]]
    program: Callable[[str, str], dict[str, str]]  # gives the files of a whole program, of code and setup
    # Tells whether the code defines the entry point; True where only running it tells.
    finds: Callable[[str, str], bool]
    # Gives the files of `sources` where only the arguments tell types, one list of them a case; raises
    # SignatureError if they don't tell either.
    by_values: Callable[[str, str, str, Sequence[list[Any]]], dict[str, str]] | None = None


class SignatureError(ValueError):
    """A signature that a language's conventions don't cover, or tests that nothing here can run."""


class MissingPackageError(SignatureError):
    """Tests are written for a runner that is not there; its name."""


@dataclass(frozen=True, slots=True)
class Language:
    """One row."""

    name: str
    title: str  # name for a person
    tools: Mapping[str, tuple[str, ...]]  # name to patterns of where each may lie when it is not on PATH
    packages: tuple[str, ...]  # Debian packages that bring the tools
    version: tuple[str, ...]  # command whose first line names the toolchain's version
    driver: Driver
    # Command that runs it under its driver; `{heap_mib}` is the memory left for its heap, `{stack_mib}` and
    # `{stack_kib}` the stack that it may have, `{entry_point}` its function.
    run: tuple[str, ...]
    # Command of a whole program on stdin; `{entry_point}` is the class of its `main` (Java).
    run_program: tuple[str, ...]
    # Commands that make the artifact; empty where the files run as they are.
    compile: tuple[tuple[str, ...], ...] = ()
    artifact: tuple[str, ...] = ()  # patterns of the files that are run; empty for the sources themselves
    overhead_mib: int = 0  # what the runtime needs of the program's memory beside its heap
    room: Room = NO_ROOM  # limits beside the configured ones, of a run. compile_room: those of compiling.
    compile_room: Room = NO_ROOM
    has_only_text_keys: bool = False  # whether its plain maps have text for keys
    speaks_words: bool = False  # whether arguments and values are words (see `inside.foreign`)
    # Names and values beside PATH, HOME, LANG and TZ; `{java home}` is where that tool lies.
    environment: tuple[tuple[str, str], ...] = ()
    # Pattern of the compiler's complaint about an import of a package that is not there, whose name is a group;
    # those of the language's own library are the program's fault, but for what a later version of it has.
    missing: str = ""


@functools.cache
def read_file(language: str, name: str) -> str:
    """Return the text of a file in a language's folder."""
    return (Path(__file__).parent / language / name).read_text(encoding="utf-8")


@functools.cache
def _grammar(name: str) -> tree_sitter.Language:
    module = import_module(f"tree_sitter_{name}")
    return tree_sitter.Language(module.language_typescript() if name == "typescript" else module.language())


def parse(code: str, grammar: str) -> Node:
    """Return the root of the tree of a text, however broken it is."""
    return Parser(_grammar(grammar)).parse(code.encode()).root_node


def text_of(node: Node | None) -> str:
    """Return the source text of a node, empty for none."""
    return node.text.decode() if node is not None and node.text is not None else ""


def split_entry(entry_point: str) -> tuple[str, str]:
    """Return class and name of an entry point, `Class.method` or a bare name, whose class is `Solution`."""
    owner, _, name = entry_point.rpartition(".")
    return owner or "Solution", name


def below(node: Node, kinds: Container[str]) -> Iterator[Node]:
    """Give all named nodes of some kinds below one, however deep, in the order of the text."""
    waiting = node.named_children[::-1]
    while waiting:
        inner = waiting.pop()
        if inner.type in kinds:
            yield inner
        waiting += inner.named_children[::-1]


def walk(node: Node, within: frozenset[str]) -> Iterator[Node]:
    """Give a node's named children, and theirs where they are of those kinds."""
    for child in node.named_children:
        yield child
        if child.type in within:
            yield from walk(child, within)
