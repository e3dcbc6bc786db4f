from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.pipeline.sampling.filling import FIRST_FAILURES, SERVER_FAILURES, Group, fill, sample_problems
from pairsmith.pipeline.sampling.planning import deal, list_arms, plan_problem
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Request, SamplingError, Trouble
from pairsmith.pipeline.sampling.store import SampleStore
from pairsmith.schemas.config.sampling import SamplingConfig
from tests.sampling_kit import EchoSampler, make_problem

DRAWS = deal(list_arms(SamplingConfig()), 3)


class FaultySampler(EchoSampler):
    """Answers in order, two requests ahead of its answers, and fails the problems that it is told to."""

    def __init__(self, faults: dict[str, Trouble] | None = None, lost: str = "") -> None:
        super().__init__()
        self.faults, self.lost = faults or {}, lost

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        for request in requests:
            self.asked.append(request)
            if request.problem_id == self.lost:
                continue
            if request.problem_id in self.faults:
                yield Failure(request, self.faults[request.problem_id], "because")
            else:
                yield Drawn(request, "text", 3, 5, "stop", -0.5, request.seed)


def groups(sampler: EchoSampler, n: int) -> Iterator[Group]:
    for i in range(n):
        problem = make_problem(f"f{i:02}")
        yield Group(("part", problem.problem_id), plan_problem(problem, DRAWS, SamplingConfig(), 0, sampler))


def test_a_group_comes_out_as_soon_as_it_is_filled_and_no_more_is_asked_than_is_taken() -> None:
    sampler = FaultySampler()
    filled = fill(groups(sampler, 50), sampler, None)
    first = next(filled)
    assert (first.name, len(first.candidates), first.n_drawn) == (("part", "p/f00"), 3, 3)
    assert len(sampler.asked) <= 4


def test_what_the_store_has_is_not_asked_for_and_comes_out_too(tmp_path: Path) -> None:
    store = SampleStore(tmp_path / "s.sqlite")
    first = FaultySampler()
    assert len(list(fill(groups(first, 4), first, store))) == 4
    again = FaultySampler()
    found = list(fill(groups(again, 6), again, store))
    assert [(group.name[1], len(group.candidates), group.n_drawn) for group in found] == [
        *((f"p/f{i:02}", 3, 0) for i in range(4)), ("p/f04", 3, 3), ("p/f05", 3, 3),
    ]  # fmt: skip
    assert {request.problem_id for request in again.asked} == {"p/f04", "p/f05"}
    store.close()


@pytest.mark.parametrize("asks", [True, False])
def test_a_stored_sample_without_log_probabilities_is_drawn_again_where_they_are_asked_for(
    tmp_path: Path, asks: bool
) -> None:
    class Silent(FaultySampler):
        def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
            for outcome in super().sample(requests):
                assert isinstance(outcome, Drawn)
                yield replace(outcome, mean_logprob=None)

    store = SampleStore(tmp_path / "s.sqlite")
    silent, again = Silent(), FaultySampler()
    list(fill(groups(silent, 2), silent, store))
    again.asks_log_probs = asks
    found = [
        candidate for group in fill(groups(again, 2), again, store) for candidate in group.candidates.values()
    ]
    assert len(again.asked) == (6 if asks else 0)
    assert {candidate.mean_logprob for candidate in found} == {-0.5 if asks else None}
    assert len(list(fill(groups(again, 2), again, store))) == 2
    assert len(again.asked) == (6 if asks else 0), "the store has them now"
    store.close()


def test_a_run_that_stops_keeps_every_sample_that_was_drawn(tmp_path: Path) -> None:
    store = SampleStore(tmp_path / "s.sqlite")
    sampler = FaultySampler()
    filled = fill(groups(sampler, 9), sampler, store)
    next(filled)
    filled.close()  # type: ignore[attr-defined]
    assert len(store) == 3
    again = FaultySampler()
    assert len(list(fill(groups(again, 9), again, store))) == 9
    assert len(again.asked) == 24
    store.close()


def test_a_bad_prompt_is_a_failure_of_its_group_alone() -> None:
    sampler = FaultySampler({"p/f01": Trouble.TOO_LONG})
    found = {group.name[1]: group for group in fill(groups(sampler, 3), sampler, None)}
    assert [failure.trouble for failure in found["p/f01"].failures] == [Trouble.TOO_LONG] * 3
    assert {name: len(group.candidates) for name, group in found.items()} == {"p/f00": 3, "p/f01": 0, "p/f02": 3}


def test_many_bad_prompts_after_good_ones_stop_nothing() -> None:
    sampler = FaultySampler({f"p/f{i:02}": Trouble.TOO_LONG for i in range(1, 60)})
    assert len(list(fill(groups(sampler, 60), sampler, None))) == 60


def test_prompts_that_all_fail_stop_the_run_early_with_the_cause() -> None:
    sampler = FaultySampler({f"p/f{i:02}": Trouble.TOO_LONG for i in range(60)})
    with pytest.raises(SamplingError, match=f"echo: the first {FIRST_FAILURES} prompts failed .too_long: because"):
        list(fill(groups(sampler, 60), sampler, None))
    assert len(sampler.asked) <= 3 * FIRST_FAILURES


def test_a_server_that_fails_stops_the_run_early_even_after_good_answers() -> None:
    sampler = FaultySampler({f"p/f{i:02}": Trouble.TIMEOUT for i in range(7, 60)})
    with pytest.raises(SamplingError, match=f"{SERVER_FAILURES} prompts in a row failed .timeout: because"):
        list(fill(groups(sampler, 60), sampler, None))
    assert len(sampler.asked) <= 3 * (7 + SERVER_FAILURES)


def test_two_prompts_that_fail_are_all_but_one_is_not() -> None:
    two = FaultySampler({"p/f00": Trouble.REFUSED, "p/f01": Trouble.REFUSED})
    with pytest.raises(SamplingError, match=r"all 6 requests failed \(refused: because"):
        list(fill(groups(two, 2), two, None))
    one = FaultySampler({"p/f00": Trouble.REFUSED})
    assert len(list(fill(groups(one, 1), one, None))) == 1
    down = FaultySampler({"p/f00": Trouble.CUT_OFF})
    with pytest.raises(SamplingError, match="cut_off"):
        list(fill(groups(down, 1), down, None))


def test_base_models_without_any_signature_stop_at_once_too() -> None:
    problems = [make_problem(f"f{i}", prompt="Do it.") for i in range(50)]
    config = SamplingConfig(n=2, templates=("completion",))
    with pytest.raises(SamplingError, match="no_signature: p/f"):
        sample_problems(problems, EchoSampler(), config, 0)


def test_a_sampler_that_loses_requests_is_found_out() -> None:
    sampler = FaultySampler(lost="p/f01")
    with pytest.raises(SamplingError, match="3 requests have no result"):
        list(fill(groups(sampler, 3), sampler, None))
