"""Which problems lie in which shard, and the shards of problems themselves."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from pairsmith.pipeline.chain.stages.common import VERSIONS, stage_folder
from pairsmith.pipeline.problems.records import LoadedProblems, PendingProblem
from pairsmith.pipeline.problems.references import NO_ANSWER, Completed, complete
from pairsmith.pipeline.run.digests import content_digest, digest
from pairsmith.pipeline.run.folder import Shard, shard_name, write_whole
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.problem import Problem

_LAYOUT = "layout.json"  # in the folder of problems


def split_shards(
    loaded: LoadedProblems, n_each: int, placed: Mapping[str, str] | None = None
) -> dict[str, LoadedProblems]:
    """Return shard names with their problems, by id.

    A problem that has a shard stays there, so that one that is new or gone makes no other shard stale; new ones
    go, `n_each` a shard, into shards of their own.

    Args:
        placed: problem_id to the shard that it lies in, see `placed_problems`.
    """
    parts: dict[str, list[Problem | PendingProblem]] = {}
    new: list[tuple[str, Problem | PendingProblem]] = []
    rows: list[Problem | PendingProblem] = [*loaded.problems, *loaded.pending]
    for row in rows:
        problem_id = row.problem_id if isinstance(row, Problem) else row.problem.problem_id
        shard = (placed or {}).get(problem_id)
        if shard is None:
            new.append((problem_id, row))
        else:
            parts.setdefault(shard, []).append(row)
    new.sort(key=lambda item: item[0])
    first = max((int(name.rpartition("-")[2].removesuffix(".parquet")) + 1 for name in parts), default=0)
    for index, start in enumerate(range(0, len(new), n_each), start=first):
        parts[shard_name(index)] = [row for _, row in new[start : start + n_each]]
    names = sorted(parts)
    return {
        name: LoadedProblems(
            tuple(row for row in parts[name] if isinstance(row, Problem)),
            tuple(row for row in parts[name] if not isinstance(row, Problem)),
            loaded.dropped if name == names[0] else (),
        )
        for name in names
    }


def placed_problems(chain: Path) -> dict[str, str]:
    """Return the shard of each problem that a chain was last made of; nothing where it was not begun."""
    try:
        placed: dict[str, str] = json.loads((chain / "problems" / _LAYOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return placed


def place_problems(chain: Path, shards: Mapping[str, LoadedProblems]) -> None:
    """Write down which shard each problem lies in, also one that will be left out for want of an answer."""
    placed = {
        problem.problem_id: name
        for name, part in shards.items()
        for problem in (*part.problems, *(row.problem for row in part.pending))
    }
    if placed != placed_problems(chain):
        write_whole(chain / "problems" / _LAYOUT, (json.dumps(placed, indent=0, sort_keys=True) + "\n").encode())


def problems_key(part: LoadedProblems) -> str:
    """Return the key of a shard of problems."""
    pending = [(row.problem.problem_id, row.arguments, row.atol, row.rule) for row in part.pending]
    texts = content_digest([*part.problems, *(row.problem for row in part.pending)], Problem)
    return digest("problems", str(VERSIONS["problems"]), texts, repr(pending))


def write_problems(chain: Path, name: str, part: LoadedProblems, pool: Callable[[], SandboxPool]) -> Path:
    """Write a shard of problems; those without answers get them from their reference, in a sandbox."""
    completed = complete(part.pending, pool()) if part.pending else Completed((), 0, 0)
    problems = sorted([*part.problems, *completed.problems], key=lambda problem: problem.problem_id)
    counts = Counter(f"judged_by.{problem.judged_by}" for problem in problems)
    counts["cases"] = sum(len(problem.cases) for problem in problems)
    counts["lost_inputs"] = completed.n_lost_inputs
    n_in = len(part.problems) + len(part.pending) + len(part.dropped)
    dropped = Counter(part.dropped_by_reason()) + Counter({NO_ANSWER: completed.n_dropped})
    shard = Shard(problems, n_in, dropped, counts)
    return stage_folder(chain, "problems").write_shard(name, problems_key(part), shard)
