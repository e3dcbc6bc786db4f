"""C: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.c import driver
from pairsmith.pipeline.languages.contract import Language
from pairsmith.pipeline.languages.cpp import CHECKED, FILLED_MEMORY, HARDENED

LANGUAGE = Language(
    name="c",
    title="C",
    tools={"gcc": ()},
    packages=("gcc", "libc6-dev"),
    version=("{gcc}", "--version"),
    driver=driver,
    compile=((*HARDENED, "{gcc}", "-std=gnu17", *CHECKED, "main.c", "-lm"),),
    missing=r"fatal error: ([\w+-][\w./+-]*): No such file",
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
    environment=FILLED_MEMORY,
    has_tuples=False,
)
