"""The stage `verdicts`: whether what programs did is right."""

from collections import Counter
from typing import TYPE_CHECKING

from pairsmith.pipeline.chain.stage import Inputs, Stage
from pairsmith.pipeline.judging.verdict import judge, mark_suspects
from pairsmith.pipeline.run.folder import Shard
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.verdict import Cause, Verdict

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return one verdict an execution."""
    problems, executions = inputs.problems(), inputs.rows["executions"]
    judged: list[Verdict] = [judge(problems[execution.problem_id], execution) for execution in executions]
    rows = mark_suspects(judged, executions, problems)
    suspects = {row.problem_id: row.detail for row in rows if row.cause is Cause.SUSPECT_TEST}
    for problem_id, detail in sorted(suspects.items()):
        tools.log(f"{problem_id}: its test is suspect, every candidate fails by {detail}")
    counts = Counter(f"label.{row.label}" for row in rows)
    counts += Counter(f"cause.{row.cause}" for row in rows if row.cause)
    counts += Counter(f"program.{row.program_form}" for row in rows if row.program_form)
    return (Shard(rows, len(executions), {}, counts),)


STAGE = Stage(
    name="verdicts",
    about="compares values with the expected ones: passed, failed or undecided, and why",
    record=Verdict,
    reads=("problems", "executions"),
    version=4,
    run=_run,
    overlaps=True,
    counted=("label.", "cause."),
    planned=lambda planned: f"{planned.n_draws} executions",
)
