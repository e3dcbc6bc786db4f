"""Programs a second and compilations a second of each language, on each sandbox of this machine.

    python benchmarks/languages.py [--seconds 5] [--image pairsmith-sandbox:latest] [language ...]

Each language's program doubles two numbers. It is compiled afresh a few times (a comment differs), then run over and
over by one worker: a process for each run, its driver's start included, answering two inputs.
"""

import argparse
import time

from rich.console import Console
from rich.table import Table

from pairsmith.pipeline.execution.audit import make_engines
from pairsmith.pipeline.languages.contract import LanguageError
from pairsmith.pipeline.languages.table import LANGUAGES
from pairsmith.pipeline.languages.toolchains import Toolchains, Unprepared, prepare
from pairsmith.pipeline.sandbox import Job, SandboxPool
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.values import encode_arguments

N_COMPILED = 3
SOLUTIONS = {
    "javascript": ("//", "function f(xs) { return xs.map(x => 2 * x); }"),
    "typescript": ("//", "function f(xs: number[]): number[] { return xs.map(x => 2 * x); }"),
    "java": (
        "//",
        "class Solution { int[] f(int[] xs) { for (int i = 0; i < xs.length; i++) xs[i] *= 2; return xs; } }",
    ),
    "cpp": (
        "//",
        "#include <vector>\nstd::vector<int> f(std::vector<int> xs) { for (int& x : xs) x *= 2; return xs; }",
    ),
    "c": ("//", "void f(int *xs, int n) { for (int i = 0; i < n; i++) xs[i] *= 2; }"),
    "go": ("//", "func f(xs []int) []int { for i := range xs { xs[i] *= 2 }; return xs }"),
    "rust": ("//", "fn f(xs: Vec<i64>) -> Vec<i64> { xs.iter().map(|x| 2 * x).collect() }"),
    "bash": ("#", "f() { for x in $1; do echo $((2 * x)); done; }"),
}
INPUTS = tuple(encode_arguments([xs]) for xs in ([1, 2], [3, 4]))


def measure(language: str, pool: SandboxPool, seconds: float) -> tuple[str, str]:
    """Return compile time, programs a second, as text."""
    comment, code = SOLUTIONS[language]
    with Toolchains(pool) as toolchains:
        toolchains.require([language])
        started = time.monotonic()
        jobs = [
            prepare(f"{code}\n{comment} {i}\n", "", "f", language, INPUTS, toolchains) for i in range(N_COMPILED)
        ]
        compiled = (time.monotonic() - started) / N_COMPILED
        job = jobs[-1]
        assert not isinstance(job, Unprepared), job
        rate = rate_of(pool, job, seconds)
    return f"{compiled:.2f} s" if LANGUAGES[language].compile else "-", f"{rate:.1f}"


def rate_of(pool: SandboxPool, job: Job, seconds: float) -> float:
    """Return how many times a second one worker runs a job."""
    pool.run(lambda bench: bench.candidate.run(job))  # the sandbox starts, files come into memory
    n, started = 0, time.monotonic()
    while time.monotonic() - started < seconds:
        answers, _ = pool.run(lambda bench: bench.candidate.run(job))
        assert all(answer.status is Status.OK for answer in answers), answers
        n += 1
    return n / (time.monotonic() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("languages", nargs="*", default=list(LANGUAGES))
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each language is run")
    parser.add_argument("--image", default=SandboxConfig().image)
    options = parser.parse_args()
    config = SandboxConfig(workers=1, image=options.image)
    engines, reasons = make_engines(config, "benchmark-languages")
    console = Console()
    for reason in reasons:
        console.print(f"not measured: {reason}", highlight=False, markup=False)
    table = Table("sandbox", "language", "compiling one program", "programs/s, one worker")
    for engine in engines:
        with SandboxPool(engine, config, ExecutionConfig()) as pool:
            python = Job("", "def f(xs): return [2 * x for x in xs]", "f", INPUTS)
            table.add_row(engine.name, "python", "-", f"{rate_of(pool, python, options.seconds):.1f}")
            for language in options.languages:
                try:
                    compiled, rate = measure(language, pool, options.seconds)
                except LanguageError as error:
                    console.print(f"not measured: {error}", highlight=False, markup=False)
                    continue
                table.add_row(engine.name, language, compiled, rate)
    console.print(table)


if __name__ == "__main__":
    main()
