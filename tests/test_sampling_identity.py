from typing import Any

import pytest

from pairsmith.pipeline.sampling.planning import N_SEEDS, candidate_id, draw_seed
from pairsmith.pipeline.sampling.protocol import Opening
from pairsmith.schemas.pair import Message

OPENING = Opening("chat", "Do it.", "instruct")
ARGUMENTS: tuple[Any, ...] = ("m", "r", OPENING, 0.8, 0.95, 192, ("\ndef ",), 0, "p/a", 3)


def test_a_request_has_the_same_id_and_seed_every_time() -> None:
    # Written down: another value would draw all samples of all users again.
    assert candidate_id(*ARGUMENTS) == "5af0604063fbc27bd467769414e620c1"
    assert draw_seed(0, "p/a", 1) == 710_453_390


@pytest.mark.parametrize(
    ("position", "other"),
    list(enumerate(("m2", "r2", Opening("chat", "Do that."), 0.9, 0.9, 193, (), 1, "p/b", 4))),
)
def test_each_part_of_a_request_changes_the_id(position: int, other: Any) -> None:
    changed: list[Any] = [*ARGUMENTS[:position], other, *ARGUMENTS[position + 1 :]]
    assert candidate_id(*changed) != candidate_id(*ARGUMENTS)


@pytest.mark.parametrize(
    ("opening", "same"),
    [
        (Opening("chat", "Do it.", "renamed"), True),
        (Opening("continuation", "Do it.", "instruct"), False),
        (Opening("chat", "Do it.", "instruct", (Message("user", "Before."),)), False),
    ],
)
def test_what_was_asked_is_part_of_the_id_and_the_templates_name_is_not(opening: Opening, same: bool) -> None:
    changed: list[Any] = [*ARGUMENTS[:2], opening, *ARGUMENTS[3:]]
    asked = candidate_id(*changed)
    assert (asked == candidate_id(*ARGUMENTS)) is same


def test_seeds_differ_by_run_problem_and_index_and_fit_31_bits() -> None:
    seeds = {draw_seed(run, problem, i) for run in (0, 1) for problem in ("a", "b") for i in range(50)}
    assert len(seeds) == 200
    assert all(0 <= seed < N_SEEDS for seed in seeds)


def test_problems_of_one_wording_have_candidates_of_their_own() -> None:
    twins: list[list[Any]] = [[*ARGUMENTS[:8], problem_id, *ARGUMENTS[9:]] for problem_id in ("p/a", "p/b")]
    assert candidate_id(*twins[0]) != candidate_id(*twins[1])


def test_draws_of_one_problem_have_seeds_in_a_row() -> None:
    seeds = [draw_seed(0, "p/a", number) for number in range(20)]
    assert seeds == list(range(seeds[0], seeds[0] + 20))
