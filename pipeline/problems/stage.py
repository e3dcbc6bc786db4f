"""The stage `problems`: which problem lies in which shard, and the shards."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pairsmith.pipeline.chain.stage import Inputs, Planned, Stage, count_words
from pairsmith.pipeline.execution.stage import compiled_folder
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import DropReason, LoadedProblems, PendingProblem
from pairsmith.pipeline.problems.references import NO_ANSWER, Completed, check_references, complete
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.run.digests import content_digest
from pairsmith.pipeline.run.folder import Shard, read_tree, shard_name, write_whole
from pairsmith.pipeline.sandbox.packages import why_no_packages
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import Problem

if TYPE_CHECKING:
    from pairsmith.pipeline.chain.tools import Tools

_LAYOUT = "layout.json"  # in the folder of problems
_LEFT_OUT = "left_out.json"  # beside it
_MOST_LEFT_OUT = 1000  # that are named


def load_shards(config: RunConfig, cache: Path, log: Callable[[str], None]) -> dict[str, LoadedProblems]:
    """Return the problems that the configuration names, by shard; published files are fetched into the cache.

    Raises:
        PairsmithError, OSError: the problems can't be had.
    """
    loaded = load_problems(config.problems, starter_folder(), cache, config.sandbox.packages)
    for line in (*loaded.faults(), *why_no_packages(config.sandbox.packages)):
        log(line)
    return split_shards(loaded, config.shard_problems, placed_problems(config.run))


def split_shards(
    loaded: LoadedProblems, n_each: int, placed: Mapping[str, str] | None = None
) -> dict[str, LoadedProblems]:
    """Return shard names with their problems, by id; one empty shard where there is no problem.

    A problem that has a shard stays there, so that one that is new or gone makes no other shard stale; new ones
    go, `n_each` a shard, into shards of their own.

    Args:
        placed: problem_id to the shard that it lies in, see `placed_problems`.
    """
    parts: dict[str, list[Problem | PendingProblem]] = {}
    new: list[Problem | PendingProblem] = []
    rows: list[Problem | PendingProblem] = [*loaded.problems, *loaded.pending]
    for row in rows:
        if shard := (placed or {}).get(row.problem_id):
            parts.setdefault(shard, []).append(row)
        else:
            new.append(row)
    new.sort(key=lambda row: row.problem_id)
    first = max((int(name.rpartition("-")[2].removesuffix(".parquet")) + 1 for name in parts), default=0)
    for index, start in enumerate(range(0, len(new), n_each), start=first):
        parts[shard_name(index)] = new[start : start + n_each]
    names = sorted(parts) or [shard_name(0)]
    return {
        name: LoadedProblems(
            tuple(row for row in parts.get(name, ()) if isinstance(row, Problem)),
            tuple(row for row in parts.get(name, ()) if not isinstance(row, Problem)),
            loaded.dropped if name == names[0] else (),
        )
        for name in names
    }


def placed_problems(run_dir: Path) -> dict[str, str]:
    """Return the shard of each problem that a run was last made of; nothing where it was not begun."""
    return read_tree(run_dir / "problems" / _LAYOUT)


def place_problems(run_dir: Path, shards: Mapping[str, LoadedProblems]) -> None:
    """Write down which shard each problem lies in, also one that will be left out for want of an answer."""
    placed = {problem.problem_id: name for name, part in shards.items() for problem in part.every()}
    if placed != placed_problems(run_dir):
        write_whole(run_dir / "problems" / _LAYOUT, (json.dumps(placed, indent=0, sort_keys=True) + "\n").encode())
    broken = [drop for part in shards.values() for drop in part.dropped if drop.is_fault]
    left_out = [[drop.where, str(drop.reason), drop.message] for drop in broken[:_MOST_LEFT_OUT]]
    if left_out != left_out_problems(run_dir):
        write_whole(run_dir / "problems" / _LEFT_OUT, (json.dumps(left_out, indent=0) + "\n").encode())


def left_out_problems(run_dir: Path) -> list[list[str]]:
    """Return where, reason and message of the problems that could not be loaded, at most 1,000."""
    try:
        rows = json.loads((run_dir / "problems" / _LEFT_OUT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    is_whole = isinstance(rows, list) and all(isinstance(row, list) and len(row) == 3 for row in rows)
    return [[str(text) for text in row] for row in rows] if is_whole else []


def _contents(part: LoadedProblems) -> Sequence[str]:
    pending = [(row.problem_id, row.arguments, row.atol, row.rule) for row in part.pending]
    return content_digest(part.every(), Problem), repr(pending)


def _run(inputs: Inputs, config: RunConfig, tools: "Tools") -> tuple[Shard, ...]:
    """Return the problems of a shard; those without answers get them from their reference, in a sandbox."""
    part: LoadedProblems = inputs.source
    completed = complete(part.pending, tools.pool()) if part.pending else Completed((), 0, {})
    problems = sorted([*part.problems, *completed.problems], key=lambda problem: problem.problem_id)
    counts = Counter(f"judged_by.{problem.judged_by}" for problem in problems)
    counts["cases"] = sum(len(problem.cases) for problem in problems)
    counts["lost_inputs"] = completed.n_lost_inputs
    if completed.lost_inputs:
        named = ", ".join(f"{problem_id} {n}" for problem_id, n in sorted(completed.lost_inputs.items()))
        tools.log(f"{completed.n_lost_inputs} inputs left out, without a usable answer of the reference: {named}")
    n_in = len(part.problems) + len(part.pending) + len(part.dropped)
    dropped = Counter(part.dropped_by_reason()) + Counter({NO_ANSWER: completed.n_dropped})
    if any(problem.reference for problem in problems):
        checked = check_references(problems, tools.pool(), config.problems.trust, compiled_folder(config))
        dropped += Counter({DropReason.REFERENCE_FAILED: len(problems) - len(checked.problems)})
        problems, counts = list(checked.problems), counts + Counter(checked.counts)
        for failure in checked.failed:
            tools.log(f"{failure.where}: {failure.message}")
        for line in checked.undecided:
            tools.log(line)
    return (Shard(problems, n_in, dropped, counts),)


def _planned(planned: Planned) -> str:
    shards = "1 shard" if planned.n_shards == 1 else f"{planned.n_shards:,} shards"
    source = planned.config.problems.source
    return f"{planned.n_problems} problems of {source}, {planned.n_held_out} held out, {shards}"


STAGE = Stage(
    name="problems",
    about="loads problems; assert-style tests become typed cases",
    record=Problem,
    settings=("problems.trust", "problems", "shard_problems"),
    key_texts=lambda trust, *texts: (trust,),  # the others act through the problems that are loaded
    version=8,
    run=_run,
    contents=_contents,
    unit="problems",
    counted=("judged_by.", "cases", "lost_inputs", "reference.failed"),
    count_word=count_words,
    planned=_planned,
)
