"""The stage `programs`: the code in each candidate."""

from collections import Counter
from typing import TYPE_CHECKING

from pairsmith.pipeline.chain.stage import Inputs, Stage
from pairsmith.pipeline.extraction import extract_programs
from pairsmith.pipeline.run.folder import Shard
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import RunConfig

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return one program a candidate."""
    candidates = inputs.rows["candidates"]
    rows = extract_programs(candidates, inputs.problems(), config.extraction)
    counts = Counter(f"extraction.{row.extraction}" for row in rows) + Counter(f"form.{row.form}" for row in rows)
    counts["with_thoughts"] = sum(bool(row.thoughts) for row in rows)
    counts["several_blocks"] = sum(bool(row.other_blocks) for row in rows)
    counts["methods"] = sum(bool(row.method_of) for row in rows)
    return (Shard(rows, len(candidates), {}, +counts),)


STAGE = Stage(
    name="programs",
    about="finds the program in an answer, behind the model's thoughts, whole as it was written",
    record=Program,
    reads=("problems", "candidates"),
    settings=("extraction",),
    version=15,
    run=_run,
    overlaps=True,
    counted=("extraction.",),
    planned=lambda planned: f"{planned.n_draws} completions",
)
