"""The configuration from problems to verdicts: where problems come from, how code is found, run and judged."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pairsmith.schemas.config.section import Section


class ColumnsConfig(Section):
    """The columns of a Hub dataset; an empty name means that there is none."""

    problem_id: str = Field("task_id", description="Column of the problem's id.")
    prompt: str = Field("prompt", description="Of the task in words.")
    entry_point: str = Field("entry_point", description="Of the function's name.")
    tests: str = Field("test", description="Of the assert lines, or the check function.")
    reference: str = Field("", description="Of a right solution.")
    setup: str = Field("", description="Of code that runs before the candidate's.")


class ProblemsConfig(Section):
    """Where problems come from."""

    source: Literal[
        "starter", "humaneval", "humaneval+", "mbpp", "mbpp+",
        "evoeval", "apps", "codecontests", "livecodebench", "humanevalpack", "jsonl", "hub",
    ] = Field("starter", description="Collection of problems, own `jsonl`, or a `hub` dataset.")  # fmt: skip
    path: Path | None = Field(
        None,
        description="File of the source; humaneval+, mbpp, mbpp+ and evoeval are fetched where there is none.",
    )
    dataset: str = Field(
        "", description="Hub dataset, a builder such as `parquet` with `data_files`, or a subset of EvoEval."
    )
    dataset_config: str = Field("", description="Configuration of the Hub dataset.")
    split: str = Field("test", description="Split of the Hub dataset.")
    revision: str = Field("", description="Commit or tag of the Hub dataset; empty takes the newest.")
    data_files: str = Field("", description="Files of a builder such as `parquet`.")
    columns: ColumnsConfig = ColumnsConfig()
    compare: Literal["auto", "tokens", "lines", "exact", "numbers"] = Field(
        "auto", description="How contest problems' printed text is compared; auto takes the collection's rule."
    )
    atol: float | None = Field(None, ge=0.0, description="Tolerance of contest problems; none: the collection's.")
    max_cases: int | None = Field(
        None, ge=1, description="Cases of a contest problem at most; the first are taken."
    )
    trust: Literal["tests", "reference"] = Field(
        "tests",
        description="Where a reference fails its own tests: `tests` keeps the problem without its reference, "
        "`reference` leaves the problem out.",
    )
    levels: tuple[str, ...] = Field((), description="Only problems of these levels; empty takes all.")
    ids: tuple[str, ...] = Field((), description="Only these problems; empty takes all.")
    limit: int | None = Field(
        None, ge=1, description="Problems at most; the first are taken, `HumanEval/2` before `HumanEval/10`."
    )


class ExtractionConfig(Section):
    """From a completion to the program that is judged."""

    blocks: Literal["agree", "last", "first"] = Field(
        "agree",
        description="Where several different blocks answer: `agree` judges all of them, and labels that differ "
        "make the candidate undecided (`ambiguous_answer`); `last` and `first` judge that one. Evaluation takes "
        "`last` for `agree`, since it must give a verdict.",
    )
    accept_method: bool = Field(
        False,
        description="Accept a method of a class (`class Solution: def two_sum(self, ...)`) where a function is "
        "asked for. Evaluation always does.",
    )
    thought_tags: tuple[str, ...] = Field(
        ("auto",),
        description="Tags that enclose a model's thoughts, which are never judged. `auto` stands for all that "
        "are known; a further one is its name (`plan` for `<plan>...</plan>`) or both marks with a space between.",
    )

    def for_evaluation(self) -> "ExtractionConfig":
        """Return the settings of an evaluation, which must give a verdict and looks for the model's ability."""
        return self.model_copy(
            update={"accept_method": True, "blocks": "last" if self.blocks == "agree" else self.blocks}
        )


class SandboxConfig(Section):
    """Where programs run, and what they may use.

    Limits hold for one program over all of its cases. A program on stdin and stdout is run once for each case, as
    its judges do: there `cpu_s` holds for one case, `total_wall_s` for wall and CPU seconds of all.
    """

    backend: Literal["auto", "docker", "bubblewrap"] = Field(
        "auto", description="auto takes Docker where its engine and the image are there, else bubblewrap."
    )
    workers: int = Field(2, ge=1, le=1024, description="Programs run at the same time.")
    cpu_s: int = Field(10, ge=1, description="CPU seconds.")
    wall_s: float = Field(15.0, gt=0.0, description="Seconds in all; the load of the program included.")
    case_wall_s: float = Field(5.0, gt=0.0, description="Seconds for one call, or one run on stdin.")
    total_wall_s: float = Field(120.0, gt=0.0, description="Seconds for all runs on stdin of one program.")
    scale_limits: bool = Field(True, description="Raise time limits on a machine that is measured to be slower.")
    memory_mib: int = Field(512, ge=64, description="Address space of one process, MiB.")
    n_processes: int = Field(32, ge=1, description="Processes and threads of one program.")
    cpus: float = Field(
        2.0, gt=0.0, description="Processors of one container, all its processes together (Docker)."
    )
    output_mib: float = Field(16.0, gt=0.0, description="Standard output and error together, MiB.")
    answer_mib: float = Field(
        4.0, gt=0.0, description="Text of one answered value, MiB; more where more is expected."
    )
    answers_mib: float = Field(
        32.0, gt=0.0, description="Text of all values that one program answers, MiB; likewise."
    )
    files_mib: int = Field(32, ge=1, description="All files of one program in /tmp, MiB.")
    image: str = Field("pairsmith-sandbox:latest", description="Docker image that has a python3.")
    runtime: str = Field("", description="Docker runtime such as `runsc`; empty for the engine's default.")
    packages: tuple[str, ...] = Field(
        (),
        description="Packages that programs may import: `numpy==2.3.5`, `npm:lodash`, `crate:rand`, "
        "`go:MODULE`; made once by `pairsmith sandbox build --packages`.",
    )


RerunTimeouts = Literal["borderline", "all"]
ExecutionLimit = Literal["adaptive", "fixed"]


class ExecutionConfig(Section):
    """How often a program runs, and how sandbox faults are handled."""

    n_runs: Literal[1, 2] = Field(2, description="Runs of each program; 2 detects flaky programs.")
    rerun_timeouts: RerunTimeouts = Field(
        "borderline",
        description="Timeouts that are rerun in isolation: borderline ones, which load may have caused or "
        "which came while cases were being answered, or all.",
    )
    limit: ExecutionLimit = Field(
        "adaptive",
        description="Time of a case: `adaptive` gives a tenth of `sandbox.case_wall_s` first, or ten times the "
        "slowest right answer, and all of it where no other case shows a wrong value; `fixed` gives all of it at "
        "once. Labels are the same.",
    )
    fault_retries: int = Field(4, ge=0, description="Fresh sandboxes tried before a program is undecided.")
    patience_s: float = Field(
        120.0, ge=0.0, description="Seconds without a sandbox that starts, then the run stops."
    )


class SyntaxConfig(Section):
    """Deduplication, lint, and benchmarks that programs and prompts are compared with."""

    near_threshold: float = Field(0.85, gt=0.0, le=1.0, description="Jaccard similarity of near-duplicates.")
    lint_rules: tuple[str, ...] = Field(
        ("E", "F", "W", "B", "C4", "N", "PIE", "RET", "SIM"),
        description="Prefixes of ruff's rules; none for no lint.",
    )
    benchmarks: tuple[Path, ...] = Field((), description="Files whose problems must not be trained on.")
    workers: int = Field(1, ge=1, le=1024, description="Processes that read programs.")


class CrosscheckConfig(Section):
    """Budgets of the checks beyond the tests. All budgets are per problem."""

    n_inputs: int = Field(256, ge=0, le=10_000, description="Derived inputs at most; 0 disables the crosscheck.")
    cpu_s: int = Field(1, ge=1, description="CPU seconds of a program over all derived inputs.")
    wall_s: float = Field(3.0, gt=0.0, description="Wall seconds of the same; one input may take a third of it.")
    n_mutants: int = Field(
        0, ge=0, le=1000, description="Mutants of a correct solution, to measure the tests; 0 measures nothing."
    )
    n_timed_runs: int = Field(
        0, ge=0, le=100, description="Timed runs of each program for fast_over_slow; 0 disables timing."
    )


def beyond_limits(sandbox: SandboxConfig, crosscheck: CrosscheckConfig) -> SandboxConfig:
    """Return the limits of programs on derived inputs: tighter ones, since who is late there has no answer."""
    wall_s = min(sandbox.wall_s, crosscheck.wall_s)
    changes = {"cpu_s": min(sandbox.cpu_s, crosscheck.cpu_s), "wall_s": wall_s, "case_wall_s": wall_s / 3}
    return sandbox.model_copy(update=changes)
