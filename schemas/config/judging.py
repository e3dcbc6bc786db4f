"""The configuration of how programs are run, read and checked beyond their tests."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pairsmith.schemas.config.section import Section, Share


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
    answer_mib: float = Field(4.0, gt=0.0, description="Text of one answered value, MiB.")
    answers_mib: float = Field(32.0, gt=0.0, description="Text of all values that one program answers, MiB.")
    files_mib: int = Field(32, ge=1, description="All files of one program in /tmp, MiB.")
    recycle_after: int = Field(500, ge=1, description="Programs until a sandbox is replaced by a fresh one.")
    start_limit_s: float = Field(60.0, gt=0.0, description="Seconds until a sandbox must have started.")
    image: str = Field("pairsmith-sandbox:latest", description="Docker image that has a python3.")
    runtime: str = Field("", description="Docker runtime such as `runsc`; empty for the engine's default.")


RerunTimeouts = Literal["borderline", "all"]


class ExecutionConfig(Section):
    """How often a program runs, and how sandbox faults are handled."""

    n_runs: Literal[1, 2] = Field(2, description="Runs of each program; 2 detects flaky programs.")
    rerun_timeouts: RerunTimeouts = Field(
        "borderline",
        description="Timeouts that are rerun in isolation: borderline ones, which load may have caused or "
        "which came while cases were being answered, or all.",
    )
    fault_retries: int = Field(4, ge=0, description="Fresh sandboxes tried before a program is undecided.")
    fault_limit: int = Field(20, ge=1, description="Sandbox faults in a row that stop the run.")
    patience_s: float = Field(
        120.0, ge=0.0, description="Seconds without a sandbox that starts, then the run stops."
    )


class SyntaxConfig(Section):
    """Deduplication, lint, and benchmarks that programs and prompts are held against."""

    near_threshold: float = Field(0.85, gt=0.0, le=1.0, description="Jaccard similarity of near-duplicates.")
    lint_rules: tuple[str, ...] = Field(
        ("E", "F", "W", "B", "C4", "N", "PIE", "RET", "SIM"),
        description="Prefixes of ruff's rules; none for no lint.",
    )
    benchmarks: tuple[Path, ...] = Field((), description="Files whose problems must not be trained on.")
    workers: int = Field(1, ge=1, le=1024, description="Processes that read programs.")


class CrosscheckConfig(Section):
    """Budgets and thresholds of the checks beyond the tests. All budgets are per problem."""

    n_inputs: int = Field(256, ge=0, le=10_000, description="Derived inputs at most; 0 disables the crosscheck.")
    n_programs: int = Field(200, ge=1, description="Different passed programs that run on them at most.")
    cpu_s: int = Field(1, ge=1, description="CPU seconds of a program over all derived inputs.")
    wall_s: float = Field(3.0, gt=0.0, description="Wall seconds of the same; one input may take a third of it.")
    n_mutants: int = Field(12, ge=0, le=1000, description="Mutants of a correct solution; 0 measures no adequacy.")
    min_share: Share = Field(0.51, gt=0.5, description="Share of the votes that makes a consensus on an input.")
    clear_share: Share = Field(0.9, gt=0.5, description="Share of the votes from which a minority is outvoted.")
    n_timed_runs: int = Field(
        0, ge=0, le=100, description="Timed runs of each program for fast_over_slow; 0 disables timing."
    )


def beyond_limits(sandbox: SandboxConfig, crosscheck: CrosscheckConfig) -> SandboxConfig:
    """Return the limits of programs on derived inputs: tighter ones, since who is late there has no answer."""
    wall_s = min(sandbox.wall_s, crosscheck.wall_s)
    changes = {"cpu_s": min(sandbox.cpu_s, crosscheck.cpu_s), "wall_s": wall_s, "case_wall_s": wall_s / 3}
    return sandbox.model_copy(update=changes)
