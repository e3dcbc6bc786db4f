"""The configuration of problems: where they come from, and which of them."""

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
        "",
        description="Hub dataset, a builder such as `parquet` with `data_files`, or a subset of EvoEval.",
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
    limit: int | None = Field(None, ge=1, description="Problems at most; the first by id are taken.")
