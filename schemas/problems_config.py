"""The configuration of problems: where they come from, and which of them."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from schemas.section import Section


class ColumnsConfig(Section):
    """Which columns of a Hub dataset hold what; an empty name says that there is no such column."""

    problem_id: str = "task_id"
    prompt: str = "prompt"
    entry_point: str = "entry_point"
    tests: str = "test"
    reference: str = ""
    setup: str = ""


class ProblemsConfig(Section):
    """Where problems come from."""

    source: Literal[
        "starter", "humaneval", "humaneval+", "mbpp", "mbpp+",
        "evoeval", "apps", "codecontests", "livecodebench", "humanevalpack", "jsonl", "hub",
    ] = "starter"  # fmt: skip
    path: Path | None = Field(
        None,
        description="File of the source; humaneval+, mbpp, mbpp+ and evoeval are fetched where there is none.",
    )
    dataset: str = Field(
        "",
        description="Hub dataset, a builder such as `parquet` with `data_files`, or a subset of EvoEval.",
    )
    dataset_config: str = ""
    split: str = "test"
    revision: str = ""
    data_files: str = ""
    columns: ColumnsConfig = ColumnsConfig()
    compare: Literal["auto", "tokens", "lines", "exact"] = Field(
        "auto", description="How contest problems' printed text is compared; auto takes the collection's rule."
    )
    atol: float | None = Field(None, ge=0.0, description="Tolerance of contest problems; none: the collection's.")
    max_cases: int | None = Field(None, ge=1, description="At most so many cases of a contest problem, the first.")
    levels: tuple[str, ...] = Field((), description="Only problems of these levels; empty takes all.")
    ids: tuple[str, ...] = Field((), description="Only these problems; empty takes all.")
    limit: int | None = Field(None, ge=1, description="At most so many problems, the first by id.")
