"""Rust: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.contract import RUNTIME_ROOM, Language
from pairsmith.pipeline.languages.rust import driver

_COMPILE = (
    (
        "{gcc}", "-shared", "-fPIC", "-o", "exe.so", "exe.c",
    ),
    (
        "/usr/bin/env", "LD_PRELOAD=/tmp/exe.so", "EXE={rustc}", "{rustc}", "--sysroot", "{rustc home}",
        "--edition", "2021", "-C", "opt-level=2", "-C", "debuginfo=0", "-C", "strip=symbols", "-C",
        "linker={gcc}", "--cap-lints", "allow", "-o", "program", "main.rs",
    ),
)  # fmt: skip

LANGUAGE = Language(
    name="rust",
    title="Rust",
    tools={"rustc": ("/usr/local/cargo/bin/rustc",), "gcc": ()},
    packages=("rustc", "gcc", "libc6-dev"),
    version=("{rustc}", "--version"),
    driver=driver,
    compile=_COMPILE,
    missing=r"unresolved import `(?!std\b|core\b|alloc\b|crate\b|self\b|super\b)(\w+)",
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
    compile_room=RUNTIME_ROOM,
)
