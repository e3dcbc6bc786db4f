"""C++: how it is compiled and run, its grammar and its driver."""

from pairsmith.pipeline.languages.contract import Language
from pairsmith.pipeline.languages.cpp import driver

# What is undefined must not pass by luck: local variables and fresh memory hold a pattern, indices and buffers are
# checked. GCC before 12 doesn't know the flag of the pattern.
HARDENED = (
    "/bin/sh", "-c",
    'case $("$0" -dumpversion) in [1-9]|[1-9].*|1[01]|1[01].*) ;; '
    '*) set -- -ftrivial-auto-var-init=pattern "$@" ;; esac; exec "$0" "$@"',
)  # fmt: skip
CHECKED = ("-O2", "-w", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-Wl,--wrap=main", "-o", "program")
FILLED_MEMORY = (("MALLOC_PERTURB_", "165"),)  # glibc fills what malloc gives

LANGUAGE = Language(
    name="cpp",
    title="C++",
    tools={"g++": ()},
    packages=("g++",),
    version=("{g++}", "--version"),
    driver=driver,
    compile=((*HARDENED, "{g++}", "-std=gnu++20", "-D_GLIBCXX_ASSERTIONS", *CHECKED, "main.cpp"),),
    missing=r"fatal error: ([\w+-][\w./+-]*): No such file",
    artifact=("program",),
    run=("/tmp/program",),
    run_program=("/tmp/program",),
    environment=FILLED_MEMORY,
)
