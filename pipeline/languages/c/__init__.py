"""C: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.c import driver
from pairsmith.pipeline.languages.contract import Language

LANGUAGE = Language(
    name="c",
    title="C",
    tools={"gcc": ()},
    packages=("gcc", "libc6-dev"),
    version=("{gcc}", "--version"),
    driver=driver,
    compile=(("{gcc}", "-std=gnu17", "-O2", "-w", "-Wl,--wrap=main", "-o", "program", "main.c", "-lm"),),
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
    has_tuples=False,
)
