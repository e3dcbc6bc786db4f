"""Draws the candidates of many shards as one stream, from the store and from models.

A model is asked as it has room, across the borders of problems and shards, so that it never idles between them; a
problem comes out as soon as its last draw is in. What a consumer does not take is not asked for.
"""

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from pairsmith.pipeline.run.folder import FolderError, StageFolder
from pairsmith.pipeline.sampling.planning import (
    Plan,
    deal,
    list_arms,
    make_candidate,
    plan_problem,
    renew,
)
from pairsmith.pipeline.sampling.protocol import (
    TRANSIENT,
    Drawn,
    Failure,
    NonsenseError,
    Request,
    Sampler,
    SamplingError,
    ServerDownError,
    Trouble,
    check_row,
)
from pairsmith.pipeline.sampling.store import SampleStore
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.problem import Problem

# When failures have one cause, and the run stops early:
SERVER_FAILURES = 5  # prompts in a row that a server failed, each after all of its tries
FIRST_FAILURES = 20  # prompts that failed before any gave a sample: no context is so short by chance


@dataclass(slots=True)
class Group:
    """The draws of one problem."""

    name: tuple[str, str]  # what the group is called by its maker, such as (shard, problem)
    plan: Plan
    candidates: dict[str, Candidate] = field(default_factory=dict)  # what is there, by id
    failures: list[Failure] = field(default_factory=list)  # what could not be drawn
    n_drawn: int = 0  # how many were drawn now; the others were in the store
    n_missing: int = 0


def fill(
    groups: Iterable[Group],
    sampler: Sampler,
    store: SampleStore | None,
    is_on_policy: bool = False,
    on_drawn: Callable[[Candidate], None] = lambda candidate: None,
) -> Iterator[Group]:
    """Yield each group when it is filled, in the order in which they are.

    Args:
        store: the store of existing samples, to which new ones are written at once; None for no store.
        is_on_policy: whether the model that training starts from draws.

    Raises:
        SamplingError: see `Sampler.sample`; also where requests fail in a row, or all of them do.
    """
    watch = _Watch(sampler.model)
    owners: dict[str, Group] = {}  # of the requests that have no outcome yet
    ready: deque[Group] = deque()

    def requests() -> Iterator[Request]:
        for group in groups:
            group.failures += group.plan.failures
            for failure in group.plan.failures:
                watch.see(failure)
            missing = _take_stored(group, store, is_on_policy, sampler.asks_log_probs)
            group.n_missing = len(missing)
            if not missing:
                ready.append(group)
            for request in missing:
                owners[request.candidate_id] = group
                yield request

    for outcome in map(_checked, sampler.sample(requests())):
        group = owners.pop(outcome.request.candidate_id)
        if isinstance(outcome, Drawn):
            candidate = make_candidate(outcome, sampler, is_on_policy)
            if store is not None:
                store.add(candidate)
            group.candidates[candidate.candidate_id] = candidate
            group.n_drawn += 1
            on_drawn(candidate)
        else:
            group.failures.append(outcome)
        watch.see(outcome)
        group.n_missing -= 1
        if group.n_missing == 0:
            ready.append(group)
        while ready:
            yield ready.popleft()
    yield from ready
    watch.end()
    if owners:
        raise SamplingError(f"{len(owners)} requests have no result: an error of the sampler; run again")


def _take_stored(
    group: Group, store: SampleStore | None, is_on_policy: bool, needs_log_probs: bool
) -> list[Request]:
    """Take what the store has of a group; return the requests that are missing."""
    wanted = {request.candidate_id: request for request in group.plan.requests}
    unknown = [identity for identity in wanted if identity not in group.candidates]
    stored = store.find(unknown) if store is not None else {}
    for identity, candidate in stored.items():
        if needs_log_probs and candidate.mean_logprob is None and candidate.completion and store is not None:
            store.replace(identity)
        else:
            group.candidates[identity] = renew(candidate, wanted[identity], is_on_policy)
    return [wanted[identity] for identity in unknown if identity not in group.candidates]


def sample_problems(
    problems: Sequence[Problem],
    sampler: Sampler,
    config: SamplingConfig,
    seed: int,
    store: SampleStore | None = None,
    on_drawn: Callable[[Candidate], None] = lambda candidate: None,
) -> list[Candidate]:
    """Return `config.n` candidates per problem of one model, sorted by problem and index; no run folder is needed.

    Empty completions are candidates too. Requests that could not be filled are missing.
    """
    draws = deal(list_arms(config), config.n)
    groups = (
        Group(("", problem.problem_id), plan_problem(problem, draws, config, seed, sampler))
        for problem in sorted(problems, key=lambda problem: problem.problem_id)
    )
    filled = fill(groups, sampler, store, on_drawn=on_drawn)
    candidates = [candidate for group in filled for candidate in group.candidates.values()]
    return sorted(candidates, key=lambda candidate: (candidate.problem_id, candidate.index))


def _checked(outcome: Drawn | Failure) -> Drawn | Failure:
    """Return an outcome; a failure in place of one with impossible numbers, whichever backend gave it."""
    if isinstance(outcome, Failure):
        return outcome
    try:
        check_row(outcome)
    except NonsenseError as error:
        return Failure(outcome.request, Trouble.NONSENSE, str(error))
    return outcome


@dataclass(slots=True)
class _Watch:
    """Distinguishes failures that have one cause from failures of single requests."""

    _model: str
    _in_a_row: list[Failure] = field(default_factory=list)
    _n_good: int = 0

    def see(self, outcome: Drawn | Failure) -> None:
        """Count an outcome; raise SamplingError if the last ones failed for one cause."""
        if isinstance(outcome, Drawn):
            self._n_good += 1
            self._in_a_row.clear()
            return
        self._in_a_row.append(outcome)
        n_prompts = self._n_prompts()
        if outcome.trouble in TRANSIENT and n_prompts >= SERVER_FAILURES:
            self._stop(f"requests for {n_prompts} prompts in a row failed")
        if self._n_good == 0 and n_prompts >= FIRST_FAILURES:
            self._stop(f"the first {n_prompts} prompts failed")

    def end(self) -> None:
        """Raise SamplingError if there was nothing but failures, and not of one prompt alone."""
        if not self._in_a_row or self._n_good:
            return
        if self._n_prompts() > 1 or self._in_a_row[-1].trouble in TRANSIENT:
            self._stop(f"all {len(self._in_a_row)} requests failed")

    def _n_prompts(self) -> int:
        return len({(failure.request.problem_id, failure.request.opening) for failure in self._in_a_row})

    def _stop(self, words: str) -> None:
        ((trouble, _),) = Counter(failure.trouble for failure in self._in_a_row).most_common(1)
        last = next(failure for failure in reversed(self._in_a_row) if failure.trouble is trouble)
        kind = ServerDownError if trouble in TRANSIENT else SamplingError
        raise kind(f"{self._model}: {words} ({trouble}: {last.reason}); samples drawn before are kept")


@dataclass(frozen=True, slots=True)
class Filled:
    """A problem with all of its candidates."""

    shard: str  # name of the shard that it belongs to
    problem: Problem
    candidates: tuple[Candidate, ...]  # by index
    failures: tuple[Failure, ...]  # draws that gave none, those past a file's last sample not counted
    n_drawn: int  # how many were drawn now; the others were in the store


def draw(
    run_dir: Path,
    names: Iterable[str],
    config: RunConfig,
    open_model: Callable[[SamplingConfig], AbstractContextManager[Sampler]],
    store: SampleStore | None,
    on_drawn: Callable[[Candidate], None] = lambda candidate: None,
) -> Iterator[Filled]:
    """Yield the problems of some shards as they are filled; the next is drawn only when it is needed.

    Args:
        names: the shards in the required order; taken as they are reached.
        open_model: opens the model, once for all shards; left when its last draw is in.
        store: see `fill`.
    """
    draws = deal(list_arms(config.sampling), config.sampling.n)
    problems: dict[str, Problem] = {}

    def groups(sampler: Sampler) -> Iterator[Group]:
        for name in names:
            rows: list[Problem] = StageFolder(run_dir, "problems", Problem).read(name)
            for problem in sorted(rows, key=lambda problem: problem.problem_id):
                problems[problem.problem_id] = problem
                plan = plan_problem(problem, draws, config.sampling, config.seed, sampler)
                yield Group((name, problem.problem_id), plan)

    with open_model(config.sampling) as sampler:
        for group in fill(groups(sampler), sampler, store, _is_policy(config), on_drawn):
            shard, problem_id = group.name
            rows = sorted(group.candidates.values(), key=lambda row: row.index)
            yield Filled(shard, problems.pop(problem_id), tuple(rows), tuple(group.failures), group.n_drawn)


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
    """Return the file of the sample store; None where the samples come from a file anyway."""
    if config.sampling.backend == "files" or config.sampling.samples is not None:
        return None
    named = {"shared": cache / "samples.sqlite", "run": run / "samples.sqlite"}
    return named.get(config.sampling.store, Path(config.sampling.store).expanduser())


def _is_policy(config: RunConfig) -> bool:
    """Return whether the model, with its adapter, is the one that training starts from; no file's samples are."""
    sampling, training = config.sampling, config.training
    is_start = training.start in ("", sampling.model) and sampling.adapter == training.adapter
    return is_start and sampling.samples is None and sampling.backend != "files"
