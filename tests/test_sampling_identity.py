from typing import Any

import pytest

from pipeline.sampling.identity import N_SEEDS, candidate_id, draw_seed

ARGUMENTS = ("m", "r", "chat", 0.8, 0.95, 192, 0, "p/a", "Do it.", 3)


def test_a_request_has_the_same_id_and_seed_every_time() -> None:
    # Written down: another value would draw all samples of all users again.
    assert candidate_id(*ARGUMENTS) == "c5456dcb0ba141f73afa3fea1e4b5cfd"
    assert draw_seed(0, "p/a", 1) == 1_021_581_025


@pytest.mark.parametrize("position", range(len(ARGUMENTS)))
def test_each_part_of_a_request_changes_the_id(position: int) -> None:
    changed: list[Any] = list(ARGUMENTS)
    old = changed[position]
    changed[position] = old + "x" if isinstance(old, str) else old + 1
    assert candidate_id(*changed) != candidate_id(*ARGUMENTS)


def test_seeds_differ_by_run_problem_and_index_and_fit_31_bits() -> None:
    seeds = {draw_seed(run, problem, i) for run in (0, 1) for problem in ("a", "b") for i in range(50)}
    assert len(seeds) == 200
    assert all(0 <= seed < N_SEEDS for seed in seeds)


def test_problems_of_one_wording_have_candidates_of_their_own() -> None:
    twins = [candidate_id(*ARGUMENTS[:7], problem_id, *ARGUMENTS[8:]) for problem_id in ("p/a", "p/b")]
    assert twins[0] != twins[1]
