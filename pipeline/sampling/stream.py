"""Draws the candidates of many shards as one stream: shard borders never make the model wait.

With several models each is opened once, in turn, for all shards; what the earlier ones drew is in the store until
the last one comes, and problems are complete then.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pairsmith.pipeline.run.folder import FolderError, StageFolder
from pairsmith.pipeline.sampling.filling import Group, fill
from pairsmith.pipeline.sampling.planning import Arm, Source, deal, list_arms, list_sources, plan_problem, renew
from pairsmith.pipeline.sampling.protocol import Failure, Request, Sampler, SamplingError
from pairsmith.pipeline.sampling.store import SampleStore
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import Problem


@dataclass(frozen=True, slots=True)
class Filled:
    """A problem with all of its candidates.

    Attributes:
        shard: name of the shard that it belongs to.
        candidates: by index.
        failures: draws that gave none, those past a file's last sample not counted.
        n_drawn: how many were drawn now by the last model; the others were in the store.
    """

    shard: str
    problem: Problem
    candidates: tuple[Candidate, ...]
    failures: tuple[Failure, ...]
    n_drawn: int


def draw(
    chain: Path,
    names: Sequence[str],
    config: RunConfig,
    open_source: Callable[[Source], AbstractContextManager[Sampler]],
    store: SampleStore | None,
    n_each: Mapping[str, int] | None = None,
    on_drawn: Callable[[Candidate], None] = lambda candidate: None,
) -> Iterator[Filled]:
    """Yield the problems of some shards as they are filled; the next is drawn only when it is wanted.

    Args:
        chain: folder that holds the stage `problems`.
        names: the shards, in the order in which they are wanted.
        config: what to draw.
        open_source: opens a model, once for all shards; left when its last draw is in.
        store: see `fill`; needed for several models.
        n_each: draws a problem; None takes `sampling.n` for all.
        on_drawn: takes each candidate that was drawn now.

    Raises:
        SamplingError: see `fill`.
    """
    sources = list_sources(config.sampling)
    arms = list_arms(sources)
    earlier: dict[str, list[tuple[Request, bool]]] = {}
    failed: dict[str, list[Failure]] = {}
    if len(sources) > 1 and store is None:
        raise SamplingError("several models need a sample store; set sampling.store")
    for number, source in enumerate(sources):
        is_policy = _is_policy(source, config)
        is_last = number == len(sources) - 1
        with open_source(source) as sampler:
            problems: dict[str, Problem] = {}
            groups = _groups(chain, names, config, source, number, arms, sampler, n_each, problems)
            for group in fill(groups, sampler, store, is_policy, on_drawn):
                shard, problem_id = group.name
                if not is_last:
                    drawn = [row for row in group.plan.requests if row.candidate_id in group.candidates]
                    earlier.setdefault(problem_id, []).extend((request, is_policy) for request in drawn)
                    failed.setdefault(problem_id, []).extend(group.failures)
                    continue
                rows = [*group.candidates.values(), *_stored(store, earlier.pop(problem_id, []))]
                failures = (*failed.pop(problem_id, []), *group.failures)
                rows.sort(key=lambda row: row.index)
                yield Filled(shard, problems.pop(problem_id), tuple(rows), failures, group.n_drawn)


def remember_draws(shards: Iterable[Path], store: SampleStore) -> int:
    """Put the candidates of shards that came from elsewhere into a sample store; return how many were read.

    What was drawn on another machine is then not drawn again for a larger `n`, or another run. A shard that can't
    be read is none.
    """
    n = 0
    for path in sorted(shards):
        with contextlib.suppress(FolderError):
            for candidate in StageFolder(path.parent.parent, path.parent.name, Candidate).read(path.name):
                store.add(candidate)
                n += 1
    return n


def store_path(config: RunConfig, cache: Path, run: Path) -> Path | None:
    """Return the file of the sample store; None where all samples come from one file anyway.

    Args:
        config: what is drawn.
        cache: folder of what this user's runs share.
        run: folder of the run.
    """
    sources = list_sources(config.sampling)
    if all(source.config.backend == "files" or source.config.samples is not None for source in sources):
        return run / "samples.sqlite" if len(sources) > 1 else None
    named = {"shared": cache / "samples.sqlite", "run": run / "samples.sqlite"}
    return named.get(config.sampling.store, Path(config.sampling.store).expanduser())


def _groups(
    chain: Path,
    names: Sequence[str],
    config: RunConfig,
    source: Source,
    number: int,
    arms: Sequence[Arm],
    sampler: Sampler,
    n_each: Mapping[str, int] | None,
    problems: dict[str, Problem],
) -> Iterator[Group]:
    """Yield the groups of one model, reading a shard of problems when it is reached."""
    for name in names:
        rows: list[Problem] = StageFolder(chain, "problems", Problem).read(name)
        for problem in sorted(rows, key=lambda problem: problem.problem_id):
            n = config.sampling.n if n_each is None else n_each.get(problem.problem_id, 0)
            draws = [planned for planned in deal(arms, n) if planned.arm.source == number]
            problems[problem.problem_id] = problem
            plan = plan_problem(problem, draws, source.config, config.seed, sampler)
            yield Group((name, problem.problem_id), plan)


def _stored(store: SampleStore | None, wanted: Sequence[tuple[Request, bool]]) -> list[Candidate]:
    if store is None or not wanted:
        return []
    found = store.find(request.candidate_id for request, _ in wanted)
    return [renew(found[request.candidate_id], request, is_policy) for request, is_policy in wanted]


def _is_policy(source: Source, config: RunConfig) -> bool:
    """Return whether a model, with its adapter, is the one that training starts from; a file's samples are not."""
    policy = (config.training.start or config.sampling.model, config.training.adapter)
    settings = source.config
    return (
        (settings.model, settings.adapter) == policy and settings.samples is None and settings.backend != "files"
    )
