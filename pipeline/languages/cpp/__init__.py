"""C++: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.contract import Language
from pairsmith.pipeline.languages.cpp import driver

LANGUAGE = Language(
    name="cpp",
    title="C++",
    tools={"g++": ()},
    packages=("g++",),
    version=("{g++}", "--version"),
    driver=driver,
    compile=(("{g++}", "-std=gnu++20", "-O2", "-w", "-Wl,--wrap=main", "-o", "program", "main.cpp"),),
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
)
