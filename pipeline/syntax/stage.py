"""The stage `syntax`: what a program's text says."""

from collections import Counter
from typing import TYPE_CHECKING

from pairsmith.pipeline.chain.stage import Inputs, Stage, file_digest_or_name
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.syntax.worker import analyse_programs
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.syntax import Syntax

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

_GRAMMARS = ("bash", "c", "cpp", "go", "java", "javascript", "python", "rust", "typescript")


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return the syntax of each program as it was judged, duplicates marked within each problem."""
    forms = {verdict.candidate_id: verdict.program_form for verdict in inputs.rows["verdicts"]}
    programs = [row.judged_as(forms.get(row.candidate_id, "")) for row in inputs.rows["programs"]]
    pruned = {row.problem_id for row in programs if forms.get(row.candidate_id) == "pruned"}
    known = {name: row for name, row in inputs.known.items() if row.problem_id not in pruned}  # read of the whole
    rows = analyse_programs(inputs.problems(), programs, config.syntax, known)
    counts = Counter(f"duplicate.{row.duplicate_rule}" for row in rows if row.duplicate_rule)
    counts["parsed"] = sum(row.parsed for row in rows)
    counts["contaminated"] = sum(row.contaminated_by != "" for row in rows)
    return (Shard(rows, len(programs), {}, counts),)


STAGE = Stage(
    name="syntax",
    about="fingerprints, duplicates, style tags, measures and quality by tree-sitter, in nine languages",
    record=Syntax,
    reads=("problems", "programs", "verdicts"),
    settings=("syntax",),
    by_content=("syntax.benchmarks",),
    version=4,
    run=_run,
    overlaps=True,
    external=lambda config: [file_digest_or_name(path) for path in config.syntax.benchmarks],
    packages=("tree-sitter", *(f"tree-sitter-{name}" for name in _GRAMMARS), "rensa"),
    counted=("duplicate.", "parsed"),
    planned=lambda planned: str(planned.n_draws),
)
