"""Fills groups, the draws of one problem each, from the store and from a model, as a stream.

The model is asked as it has room, across the borders of groups and shards, so that it never idles between them; a
group comes out as soon as its last draw is in. What a consumer does not take, is not asked for.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pairsmith.pipeline.sampling.numbers import NonsenseError, check_row
from pairsmith.pipeline.sampling.planning import Plan, Source, deal, list_arms, make_candidate, plan_problem, renew
from pairsmith.pipeline.sampling.protocol import (
    TRANSIENT,
    Drawn,
    Failure,
    Request,
    Sampler,
    SamplingError,
    ServerDownError,
    Trouble,
)
from pairsmith.pipeline.sampling.store import SampleStore
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.problem import Problem

# When failures have one cause, and the run stops early:
SERVER_FAILURES = 5  # prompts in a row that a server failed, each after all of its tries
FIRST_FAILURES = 20  # prompts that failed before any gave a sample: no context is so short by chance


@dataclass(slots=True)
class Group:
    """The draws of one problem.

    Attributes:
        name: what the group is called by its maker, such as (shard, problem).
        candidates: by id: what is there.
        failures: what could not be drawn.
        n_drawn: how many were drawn now; the others were in the store.
    """

    name: tuple[str, str]
    plan: Plan
    candidates: dict[str, Candidate] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    n_drawn: int = 0
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
        groups: what to fill; taken as the model has room.
        sampler: where completions come from.
        store: samples that are there already, and where new ones go at once; None for no store.
        is_on_policy: whether the model that training starts from draws.
        on_drawn: takes each candidate that was drawn now.

    Raises:
        SamplingError: see `Sampler.sample`; also where requests fail in a row, or all of them do.
    """
    watch = _Watch(sampler.model)
    stream = _Stream(groups, store, is_on_policy, watch)
    for outcome in map(_checked, sampler.sample(stream.requests())):
        group = stream.owner(outcome.request)
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
        stream.settle(group)
        yield from stream.finished()
    yield from stream.finished()
    watch.end()
    stream.check_all_settled()


def sample_problems(
    problems: Sequence[Problem],
    sampler: Sampler,
    config: SamplingConfig,
    seed: int,
    store: SampleStore | None = None,
    on_drawn: Callable[[Candidate], None] = lambda candidate: None,
) -> list[Candidate]:
    """Return `config.n` candidates a problem of one model, sorted by problem and index; no run folder is needed.

    Empty completions are candidates too. Requests that could not be filled are missing.

    Raises:
        SamplingError: see `fill`.
    """
    draws = deal(list_arms([Source(config, 1.0)]), config.n)
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


class _Stream:
    """The missing requests of groups, and which group each belongs to."""

    def __init__(
        self, groups: Iterable[Group], store: SampleStore | None, is_on_policy: bool, watch: "_Watch"
    ) -> None:
        self._groups, self._store, self._is_on_policy, self._watch = groups, store, is_on_policy, watch
        self._owners: dict[str, Group] = {}
        self._ready: deque[Group] = deque()

    def requests(self) -> Iterator[Request]:
        for group in self._groups:
            group.failures += group.plan.failures
            for failure in group.plan.failures:
                self._watch.see(failure)
            missing = self._missing(group)
            group.n_missing = len(missing)
            if not missing:
                self._ready.append(group)
            for request in missing:
                self._owners[request.candidate_id] = group
                yield request

    def owner(self, request: Request) -> Group:
        return self._owners[request.candidate_id]

    def settle(self, group: Group) -> None:
        group.n_missing -= 1
        if group.n_missing == 0:
            self._ready.append(group)

    def finished(self) -> Iterator[Group]:
        while self._ready:
            group = self._ready.popleft()
            for request in group.plan.requests:
                self._owners.pop(request.candidate_id, None)
            yield group

    def check_all_settled(self) -> None:
        if self._owners:
            n = sum(group.n_missing for group in {id(group): group for group in self._owners.values()}.values())
            raise SamplingError(f"{n} requests had no outcome: a fault of the sampler; run again")

    def _missing(self, group: Group) -> list[Request]:
        wanted = {request.candidate_id: request for request in group.plan.requests}
        unknown = [identity for identity in wanted if identity not in group.candidates]
        stored = self._store.find(unknown) if self._store is not None else {}
        for identity, candidate in stored.items():
            group.candidates[identity] = renew(candidate, wanted[identity], self._is_on_policy)
        return [wanted[identity] for identity in unknown if identity not in stored]


class _Watch:
    """Tells failures that have one cause from failures of single requests."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._in_a_row: list[Failure] = []
        self._n_good = 0

    def see(self, outcome: Drawn | Failure) -> None:
        """Count an outcome.

        Raises:
            SamplingError: if the last ones failed for one cause.
        """
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
        """Look at all outcomes.

        Raises:
            SamplingError: if there was none but failures, and not of one prompt alone.
        """
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
        raise kind(f"{self._model}: {words} ({trouble}: {last.reason}); what was drawn before is kept")
