"""The table of languages: what each needs to be compiled and run in a sandbox.

A new language is a row here and a module in `drivers`. Paths are found inside the sandbox, by name on PATH, else
by pattern; commands name them in braces. Everything lies in /tmp, where commands run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType

from pairsmith.pipeline.languages.drivers import bash, c, cpp, go, java, javascript, rust, typescript
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.sandbox.contract import Room

# A JVM, V8 and Go reserve gigabytes of addresses; this is what they really write beside the program's own memory
# (stacks of their threads are counted in full, 8 MiB each).
_NO_ROOM = Room()
_RUNTIME = Room(reserve_mib=512, n_more_processes=32)


class LanguageError(PairsmithError):
    """A language that the table doesn't have, or whose toolchain is missing where programs run."""


@dataclass(frozen=True, slots=True)
class Language:
    """One row.

    Attributes:
        title: name for a person.
        grammar: name of the tree-sitter grammar.
        tools: name to patterns of where each may lie when it is not on PATH.
        packages: Debian packages that bring the tools.
        version: command whose first line names the toolchain's version.
        driver: module with `sources(code, setup, entry_point)`, the files to compile or run; `finds(code,
            entry_point)`, whether the code defines the entry point; `tests(code, setup, test_code,
            entry_point)`, as `sources`, for tests in the solution's process; `program(code, setup)`, the files of
            a whole program.
        compile: commands that make the artifact; empty where the files run as they are.
        artifact: patterns of the files that are run; empty for the sources themselves.
        run: command that runs it under its driver; `{heap_mib}` is the memory left for its heap, `{entry_point}`
            its function.
        run_program: command of a whole program on stdin; `{entry_point}` is the class of its `main` (Java).
        overhead_mib: what the runtime needs of the program's memory beside its heap.
        room: limits beside the configured ones, of a run. compile_room: those of compiling.
        has_tuples: whether it has tuples at all; else a list stands for one.
        has_only_text_keys: whether its plain maps have text for keys.
        speaks_words: whether arguments and values are words (see `inside.words`).
        environment: names and values beside PATH, HOME, LANG and TZ; `{java home}` is where that tool lies.
    """

    name: str
    title: str
    grammar: str
    tools: Mapping[str, tuple[str, ...]]
    packages: tuple[str, ...]
    version: tuple[str, ...]
    driver: ModuleType
    run: tuple[str, ...]
    run_program: tuple[str, ...]
    compile: tuple[tuple[str, ...], ...] = ()
    artifact: tuple[str, ...] = ()
    overhead_mib: int = 0
    room: Room = _NO_ROOM
    compile_room: Room = _NO_ROOM
    has_tuples: bool = True
    has_only_text_keys: bool = False
    speaks_words: bool = False
    environment: tuple[tuple[str, str], ...] = ()


_JVM = (
    "{java}", "-Xmx{heap_mib}m", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:-UsePerfData",
    "-XX:ReservedCodeCacheSize=48m",
)  # fmt: skip

LANGUAGES: dict[str, Language] = {
    row.name: row
    for row in (
        Language(
            name="javascript",
            title="JavaScript",
            grammar="javascript",
            tools={"node": ("/usr/local/bin/node",)},
            packages=("nodejs",),
            version=("{node}", "--version"),
            driver=javascript,
            run=("{node}", "--max-old-space-size={heap_mib}", "--stack-size=3900", "driver.js", "{entry_point}"),
            run_program=("{node}", "--max-old-space-size={heap_mib}", "--stack-size=3900", "solution.js"),
            overhead_mib=48,
            room=_RUNTIME,
            has_tuples=False,
            has_only_text_keys=True,
        ),
        Language(
            name="typescript",
            title="TypeScript",
            grammar="typescript",
            tools={"node": ("/usr/local/bin/node",), "tsc": ("/usr/share/nodejs/typescript/bin/tsc",)},
            packages=("nodejs", "node-typescript"),
            version=("{node}", "{tsc}", "--version"),
            driver=typescript,
            compile=(
                (
                    "{node}",
                    "{tsc}",
                    "--target",
                    "es2022",
                    "--module",
                    "commonjs",
                    "--lib",
                    "es2022",
                    "--noEmitOnError",
                    "--skipLibCheck",
                    "--pretty",
                    "false",
                    "node.d.ts",
                    "solution.ts",
                ),
            ),
            artifact=("solution.js", "driver.js"),
            run=("{node}", "--max-old-space-size={heap_mib}", "--stack-size=3900", "driver.js", "{entry_point}"),
            run_program=("{node}", "--max-old-space-size={heap_mib}", "--stack-size=3900", "solution.js"),
            overhead_mib=48,
            room=_RUNTIME,
            compile_room=_RUNTIME,
            has_tuples=False,
            has_only_text_keys=True,
        ),
        Language(
            name="java",
            title="Java",
            grammar="java",
            tools={
                "javac": ("/usr/lib/jvm/*/bin/javac", "/opt/java/*/bin/javac"),
                "java": ("/usr/lib/jvm/*/bin/java", "/opt/java/*/bin/java"),
            },
            packages=("default-jdk-headless",),
            version=("{javac}", "--version"),
            driver=java,
            compile=(
                (
                    "{javac}",
                    "-J-XX:+UseSerialGC",
                    "-J-XX:TieredStopAtLevel=1",
                    "-J-Xmx512m",
                    "-proc:none",
                    "-nowarn",
                    "-encoding",
                    "UTF-8",
                    "-d",
                    "classes",
                    "@sources",
                ),
            ),
            artifact=("classes/*.class", "classes/*/*.class"),
            run=(
                *_JVM,
                "--add-opens=java.base/java.io=ALL-UNNAMED",
                "-cp",
                "classes",
                "PairsmithDriver",
                "{entry_point}",
            ),
            run_program=(*_JVM, "-Xss32m", "-cp", "classes", "{entry_point}"),
            overhead_mib=96,
            room=_RUNTIME,
            compile_room=_RUNTIME,
            has_tuples=False,
            # The loader finds the JVM's library by /proc, which is closed to programs.
            environment=(("LD_LIBRARY_PATH", "{java home}/lib"),),
        ),
        Language(
            name="cpp",
            title="C++",
            grammar="cpp",
            tools={"g++": ()},
            packages=("g++",),
            version=("{g++}", "--version"),
            driver=cpp,
            compile=(("{g++}", "-std=gnu++20", "-O2", "-w", "-Wl,--wrap=main", "-o", "program", "main.cpp"),),
            artifact=("program",),
            run=("/tmp/program",),
            run_program=("/tmp/program",),
        ),
        Language(
            name="c",
            title="C",
            grammar="c",
            tools={"gcc": ()},
            packages=("gcc", "libc6-dev"),
            version=("{gcc}", "--version"),
            driver=c,
            compile=(("{gcc}", "-std=gnu17", "-O2", "-w", "-Wl,--wrap=main", "-o", "program", "main.c", "-lm"),),
            artifact=("program",),
            run=("/tmp/program",),
            run_program=("/tmp/program",),
            has_tuples=False,
        ),
        Language(
            name="go",
            title="Go",
            grammar="go",
            tools={"go": ("/usr/local/go/bin/go", "/usr/lib/go-*/bin/go")},
            packages=("golang-go",),
            version=("{go}", "version"),
            driver=go,
            compile=(("/bin/sh", "build.sh", "{go}"),),
            artifact=("program",),
            run=("/tmp/program",),
            run_program=("/tmp/program",),
            room=_RUNTIME,
            compile_room=_RUNTIME,
            environment=(("GOTRACEBACK", "none"), ("GOMAXPROCS", "2")),
        ),
        Language(
            name="rust",
            title="Rust",
            grammar="rust",
            tools={"rustc": ("/usr/local/cargo/bin/rustc",), "gcc": ()},
            packages=("rustc", "gcc", "libc6-dev"),
            version=("{rustc}", "--version"),
            driver=rust,
            compile=(
                ("{gcc}", "-shared", "-fPIC", "-o", "exe.so", "exe.c"),
                (
                    "/usr/bin/env",
                    "LD_PRELOAD=/tmp/exe.so",
                    "EXE={rustc}",
                    "{rustc}",
                    "--sysroot",
                    "{rustc home}",
                    "--edition",
                    "2021",
                    "-C",
                    "opt-level=2",
                    "-C",
                    "debuginfo=0",
                    "-C",
                    "strip=symbols",
                    "-C",
                    "linker={gcc}",
                    "--cap-lints",
                    "allow",
                    "-o",
                    "program",
                    "main.rs",
                ),
            ),
            artifact=("program",),
            run=("/tmp/program",),
            run_program=("/tmp/program",),
            compile_room=_RUNTIME,
        ),
        Language(
            name="bash",
            title="Bash",
            grammar="bash",
            tools={"bash": ()},
            packages=("bash",),
            version=("{bash}", "--version"),
            driver=bash,
            run=("{bash}", "driver.sh", "{entry_point}"),
            run_program=("{bash}", "solution.sh"),
            has_tuples=False,
            speaks_words=True,
        ),
    )
}


ALIASES = {
    "js": "javascript",
    "ts": "typescript",
    "c++": "cpp",
    "golang": "go",
    "rs": "rust",
    "sh": "bash",
    "shell": "bash",
}
"""Other names that data sets give to languages, in lower case."""


def find_language(name: str) -> Language:
    """Return the row of a language.

    Raises:
        LanguageError: if the table has none of this name.
    """
    row = LANGUAGES.get(name)
    if row is None:
        raise LanguageError(f"no language {name!r}; known are python, {', '.join(LANGUAGES)}")
    return row


def packages_of(names: Iterable[str]) -> list[str]:
    """Return the Debian packages of languages, each once; `all` stands for all languages.

    Raises:
        LanguageError: if the table lacks one.
    """
    rows = [row for name in names for row in (LANGUAGES.values() if name == "all" else [find_language(name)])]
    return list(dict.fromkeys(package for row in rows for package in row.packages))


def title_of(name: str) -> str:
    """Return a language's name for a person.

    Raises:
        LanguageError: if the table has none of this name, and it is not Python.
    """
    return "Python" if name == "python" else find_language(name).title
