"""The configuration from problems to verdicts: where problems come from, how code is found, run and judged."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pairsmith.schemas.config.section import Section


class ColumnsConfig(Section):
    """The columns of a Hub dataset; an empty name: no such column."""

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
        description="File of the source; without one, humaneval+, mbpp, mbpp+ and evoeval are fetched.",
    )
    dataset: str = Field(
        "", description="Hub dataset, a builder such as `parquet` with `data_files`, or a subset of EvoEval."
    )
    dataset_config: str = Field("", description="Configuration of the Hub dataset.")
    split: str = Field("test", description="Split of the Hub dataset.")
    revision: str = Field("", description="Commit or tag of the Hub dataset; empty: the newest.")
    data_files: str = Field("", description="Files of a builder such as `parquet`.")
    columns: ColumnsConfig = ColumnsConfig()
    max_cases: int | None = Field(
        None, ge=1, description="Maximum number of cases of a contest problem; the first are used."
    )
    trust: Literal["tests", "reference"] = Field(
        "tests",
        description="If a reference fails its own tests: `tests` keeps the problem without its reference, "
        "`reference` drops the problem.",
    )
    levels: tuple[str, ...] = Field((), description="Only problems of these levels; empty: all.")
    ids: tuple[str, ...] = Field((), description="Only these problems; empty: all.")
    limit: int | None = Field(
        None, ge=1, description="Problems at most; the first are taken, `HumanEval/2` before `HumanEval/10`."
    )


class ExtractionConfig(Section):
    """Extraction of the program from a completion."""

    blocks: Literal["agree", "last", "first"] = Field(
        "agree",
        description="If several different blocks contain an answer: `agree` judges all, and different labels "
        "make the candidate undecided (`ambiguous_answer`); `last` and `first` judge that one. "
        "Evaluation uses `last` instead of `agree`, since it must give a verdict.",
    )
    accept_method: bool = Field(
        False,
        description="Accept a method of a class (`class Solution: def two_sum(self, ...)`) in place of a "
        "function. Evaluation always does.",
    )
    thought_tags: tuple[str, ...] = Field(
        ("auto",),
        description="Tags that enclose a model's thoughts, which are never judged. `auto` stands for all "
        "known tags; add a tag by its name (`plan` for `<plan>...</plan>`) or by both marks "
        "separated by a space.",
    )

    def for_evaluation(self) -> "ExtractionConfig":
        """Return the settings of an evaluation, which must give a verdict and looks for the model's ability."""
        return self.model_copy(
            update={"accept_method": True, "blocks": "last" if self.blocks == "agree" else self.blocks}
        )


class SandboxConfig(Section):
    """The sandbox and its limits.

    Limits hold for one program over all of its cases. A program on stdin and stdout is run once for each case, as
    its judges do: there `cpu_s` holds for one case, `total_wall_s` for wall and CPU seconds of all.
    """

    backend: Literal["auto", "docker", "bubblewrap"] = Field(
        "auto", description="auto: Docker if its engine and the image are available, else bubblewrap."
    )
    workers: int = Field(2, ge=1, le=1024, description="Programs run at the same time.")
    cpu_s: int = Field(10, ge=1, description="CPU seconds.")
    wall_s: float = Field(15.0, gt=0.0, description="Seconds in total, including the load of the program.")
    case_wall_s: float = Field(5.0, gt=0.0, description="Seconds for one call, or one run on stdin.")
    total_wall_s: float = Field(120.0, gt=0.0, description="Seconds for all runs on stdin of one program.")
    scale_limits: bool = Field(True, description="Raise time limits on a machine that is measured as slow.")
    memory_mib: int = Field(512, ge=64, description="Address space of one process, MiB.")
    n_processes: int = Field(32, ge=1, description="Processes and threads of one program.")
    cpus: float = Field(2.0, gt=0.0, description="Processors of one container with all its processes (Docker).")
    output_mib: float = Field(16.0, gt=0.0, description="Standard output and error together, MiB.")
    answer_mib: float = Field(
        4.0, gt=0.0, description="Text of one answer, MiB; more if the expected value is longer."
    )
    answers_mib: float = Field(32.0, gt=0.0, description="Text of all answers of one program, MiB; likewise.")
    files_mib: int = Field(32, ge=1, description="All files of one program in /tmp, MiB.")
    image: str = Field("pairsmith-sandbox:latest", description="Docker image with a python3.")
    runtime: str = Field("", description="Docker runtime such as `runsc`; empty for the engine's default.")
    packages: tuple[str, ...] = Field(
        (),
        description="Packages that programs may import: `numpy==2.3.5`, `npm:lodash`, `crate:rand`, "
        "`go:MODULE`; prepared by `pairsmith sandbox build --packages`.",
    )


ExecutionLimit = Literal["adaptive", "fixed"]


class ExecutionConfig(Section):
    """How often a program runs, and how sandbox faults are handled."""

    n_runs: Literal[1, 2] = Field(2, description="Runs of each program; 2 detects flaky programs.")
    limit: ExecutionLimit = Field(
        "adaptive",
        description="Time of a case: `adaptive` first allows a tenth of `sandbox.case_wall_s`, or ten times "
        "the slowest right answer, and the full time if no other case has a wrong value; `fixed` "
        "allows the full time at once. Labels are the same.",
    )
    fault_retries: int = Field(4, ge=0, description="Fresh sandboxes tried before a program is undecided.")
    patience_s: float = Field(
        120.0, ge=0.0, description="Seconds to wait for a sandbox to start before the run stops."
    )


class SyntaxConfig(Section):
    """Deduplication, lint, and benchmarks that programs and prompts are compared with."""

    near_threshold: float = Field(0.85, gt=0.0, le=1.0, description="Jaccard similarity of near-duplicates.")
    lint_rules: tuple[str, ...] = Field(
        ("E", "F", "W", "B", "C4", "N", "PIE", "RET", "SIM"),
        description="Prefixes of ruff's rules; none for no lint.",
    )
    benchmarks: tuple[Path, ...] = Field((), description="Files with problems that must not be trained on.")
    workers: int = Field(1, ge=1, le=1024, description="Processes that parse programs.")


class CrosscheckConfig(Section):
    """Budgets of the checks beyond the tests. All budgets are per problem."""

    n_inputs: int = Field(
        256, ge=0, le=10_000, description="Maximum number of derived inputs; 0 disables the crosscheck."
    )
    cpu_s: int = Field(1, ge=1, description="CPU seconds of a program over all derived inputs.")
    wall_s: float = Field(
        3.0, gt=0.0, description="Wall seconds of a program over all derived inputs; one input may take a third."
    )
    n_mutants: int = Field(
        0,
        ge=0,
        le=1000,
        description="Mutants of a correct solution, to measure the tests; 0 disables the measurement.",
    )


def beyond_limits(sandbox: SandboxConfig, crosscheck: CrosscheckConfig) -> SandboxConfig:
    """Return the limits of programs on derived inputs: tighter ones, since who is late there has no answer."""
    wall_s = min(sandbox.wall_s, crosscheck.wall_s)
    changes = {"cpu_s": min(sandbox.cpu_s, crosscheck.cpu_s), "wall_s": wall_s, "case_wall_s": wall_s / 3}
    return sandbox.model_copy(update=changes)
