"""What length and style may tell: measured, and bounded."""

import random
from typing import Any

import pytest

from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.pairing.pairs import PairingResult
from pairsmith.pipeline.pairing.splits import MIN_PAIRS
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.manifest import LeakRow
from pairsmith.schemas.verdict import Label
from tests.pairing_records import Judged, judged, pair_up, problem

CONFIG = PairsConfig(test_share=0.0, max_trivial_share=1.0, max_per_problem=1, near_problems=None)


def told(n: int, chance: float, what: str, **changes: Any) -> PairingResult:
    """Return the pairs of n problems whose right answer has a tell, with this chance; else the wrong one has."""
    chooser = random.Random(3)
    rows: list[Judged] = []
    problems = [problem(f"p/{index}") for index in range(n)]
    for one in problems:
        is_right = chooser.random() < chance
        for label, has in ((Label.PASSED, is_right), (Label.FAILED, not is_right)):
            name = f"{one.problem_id}{label}"
            length = chooser.randint(200, 260) + (120 if has and what == "length" else 0)
            tags = ("docstring",) if has and what == "style" else ()
            rows.append(judged(name, label, problem_id=one.problem_id, completion=name + "x" * length, tags=tags))
    return pair_up(rows, CONFIG.model_copy(update=changes), problems).whole


def leak_of(made: PairingResult, what: str) -> LeakRow:
    (row,) = [row for row in made.leaks if (row.split, row.what) == ("train", what)]
    return row


def worst_after(leak: LeakRow) -> float:
    assert leak.within_after is not None
    assert leak.overall_after is not None
    return max(leak.within_after, leak.overall_after)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["length", "style"])
def test_a_tell_is_measured_and_then_bounded(what: str) -> None:
    made = told(900, 0.8, what)
    leak = leak_of(made, what)
    assert leak.within_before == pytest.approx(0.8, abs=0.03)
    assert worst_after(leak) <= (CONFIG.max_length_auc if what == "length" else CONFIG.max_style_auc)
    reason = Drop.LENGTH_TELLS if what == "length" else Drop.STYLE_TELLS
    # 720 against 180: no more than is needed is left out, and the hard ones all stay but for a few.
    assert 300 < made.pairs.height == 900 - made.dropped[reason]


def test_without_a_tell_nothing_is_left_out() -> None:
    made = told(600, 0.5, "length")
    assert made.pairs.height == 600
    leak = leak_of(made, "length")
    assert leak.within_before is not None
    assert abs(leak.within_before - 0.5) < 0.06


def test_weights_may_bound_it_instead() -> None:
    made = told(900, 0.8, "length", leakage="weigh")
    assert made.pairs.height == 900
    weights = made.pairs["weight"]
    assert 0.0 < weights.min() < 0.5  # type: ignore[operator]
    assert weights.max() == 1.0
    assert worst_after(leak_of(made, "length")) <= CONFIG.max_length_auc + 0.01


def test_too_few_pairs_tell_nothing() -> None:
    made = told(MIN_PAIRS - 1, 1.0, "length")
    assert leak_of(made, "length").within_before is None
    assert made.pairs.height == MIN_PAIRS - 1
