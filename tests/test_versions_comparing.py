"""Why a pair came or went between two versions."""

import polars as pl
import pytest

from pairsmith.pipeline.publishing.versions.comparing import REASONS, Index, compare

PROBLEM = {"problem_id": "p", "tests": "t", "content": "c"}
CHOSEN = {"candidate_id": "a", "problem_id": "p", "label": "passed", "standing": "confirmed", "reason": ""}
REJECTED = {"candidate_id": "b", "problem_id": "p", "label": "failed", "standing": "", "reason": ""}
PAIR = {"pair_id": "1", "problem_id": "p", "split": "train", "policy": "x", "chosen_id": "a", "rejected_id": "b"}


def index(pairs: list[dict[str, str]], candidates: list[dict[str, str]], problems: list[dict[str, str]]) -> Index:
    rows = {"pairs": (pairs, PAIR), "candidates": (candidates, CHOSEN), "problems": (problems, PROBLEM)}
    return {name: pl.DataFrame(part, schema=dict.fromkeys(like, pl.String)) for name, (part, like) in rows.items()}


BEFORE = index([PAIR], [CHOSEN, REJECTED], [PROBLEM])
CHANGES = [
    ("problem", [], []),
    ("tests", [CHOSEN, REJECTED], [PROBLEM | {"tests": "u", "content": "d"}]),
    ("text", [CHOSEN, REJECTED], [PROBLEM | {"content": "d"}]),
    ("draw", [CHOSEN], [PROBLEM]),
    ("label", [CHOSEN, REJECTED | {"label": "passed"}], [PROBLEM]),
    ("standing", [CHOSEN | {"standing": "doubtful"}, REJECTED], [PROBLEM]),
    ("excluded", [CHOSEN, REJECTED | {"reason": "flaky"}], [PROBLEM]),
    ("selection", [CHOSEN, REJECTED], [PROBLEM]),
]


@pytest.mark.parametrize(("reason", "candidates", "problems"), CHANGES, ids=[name for name, *_ in CHANGES])
def test_each_reason_in_both_directions(
    reason: str, candidates: list[dict[str, str]], problems: list[dict[str, str]]
) -> None:
    without = index([], candidates, problems)
    gone = compare(BEFORE, without)
    assert dict(gone.removed) == {(reason, "train"): 1}
    assert dict(gone.added) == {}
    came = compare(without, BEFORE)
    assert dict(came.added) == {(reason, "train"): 1}
    assert gone.n_kept == came.n_kept == 0


def test_every_reason_has_a_case() -> None:
    assert tuple(name for name, *_ in CHANGES) == REASONS


def test_rates_are_means_over_problems() -> None:
    more = [CHOSEN | {"candidate_id": f"q{k}", "problem_id": "q", "label": "failed"} for k in range(3)]
    undecided = CHOSEN | {"candidate_id": "u", "label": "undecided"}
    change = compare(
        BEFORE, index([PAIR], [CHOSEN, REJECTED, undecided, *more], [PROBLEM, PROBLEM | {"problem_id": "q"}])
    )
    assert (change.rate_before, change.rate) == (0.5, 0.25)
    assert change.new_problems == ("q",)
    assert change.n_new_candidates == 4
    assert change.rates == ()
    passed = compare(BEFORE, index([PAIR], [CHOSEN, REJECTED | {"label": "passed"}], [PROBLEM]))
    assert [(row.problem_id, row.before, row.after) for row in passed.rates] == [("p", 0.5, 1.0)]


def test_a_first_version_has_no_rate_before() -> None:
    assert compare(None, BEFORE).rate_before is None
