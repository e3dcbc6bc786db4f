from collections.abc import Sequence

import pytest

from pairsmith.pipeline.evaluation.compare import compare_scores
from pairsmith.pipeline.evaluation.estimates import Abundances, ScoringError, count_abundances
from pairsmith.pipeline.evaluation.score import score_candidates
from pairsmith.schemas.config import ScoringConfig
from pairsmith.schemas.score import Gain, Score
from pairsmith.schemas.verdict import Label
from tests.pairing_records import Judged, judged

CONFIG = ScoringConfig(k=(1, 2), n_bootstrap=500)
Outcome = tuple[str, Label]  # the program's fingerprint and its label


def draw(problems: Sequence[Sequence[Outcome]]) -> list[Judged]:
    return [
        judged(f"{index}.{number}", label, problem_id=f"p/{index}", renamed=text, signature=text)
        for index, outcomes in enumerate(problems)
        for number, (text, label) in enumerate(outcomes)
    ]


def score(rows: Sequence[Judged], n_problems: int) -> tuple[Score, dict[str, Abundances]]:
    verdicts, syntax = [row.verdict for row in rows], [row.syntax for row in rows]
    ids = [f"p/{index}" for index in range(n_problems)]
    made = score_candidates("before", "smollm2", verdicts, syntax, ids, CONFIG, seed=1)
    return made, count_abundances(verdicts, syntax, ids)


def compare(
    before: Sequence[Sequence[Outcome]], after: Sequence[Sequence[Outcome]], counted: bool = True
) -> dict[str, Gain]:
    one, counts = score(draw(before), len(before))
    other, other_counts = score(draw(after), len(after))
    gains = compare_scores(one, other, CONFIG, 1, (counts, other_counts) if counted else None)
    return {gain.measure: gain for gain in gains}


def passed(text: str) -> Outcome:
    return text, Label.PASSED


def failed(text: str) -> Outcome:
    return text, Label.FAILED


def test_an_equal_model_gains_nothing_exactly() -> None:
    problems = [[passed("a"), failed("b"), passed("c")], [failed("a"), failed("b")]] * 10
    gains = compare(problems, problems)
    assert list(gains) == ["pass@1", "pass@2", "distinct_syntax", "distinct_behaviour", "distinct_passed"]
    for gain in gains.values():
        assert (gain.change.value, gain.change.low, gain.change.high) == (0.0, 0.0, 0.0)
        assert not gain.is_significant


def test_pairing_shows_a_small_gain_that_separate_intervals_hide() -> None:
    # Problems differ widely, and each gains the same: only the paired interval is narrow.
    before = [[passed("a")] * right + [failed("b")] * (10 - right) for right in range(9)] * 2
    after = [[passed("a")] * (right + 1) + [failed("b")] * (9 - right) for right in range(9)] * 2
    gain = compare(before, after)["pass@1"]
    assert gain.change.value == pytest.approx(0.1)
    assert gain.change.low == pytest.approx(0.1)
    assert gain.before.high > gain.after.low
    assert gain.is_significant
    assert gain.after.value - gain.before.value == pytest.approx(gain.change.value)


@pytest.mark.parametrize(("n_problems", "is_significant"), [(1, False), (5, False), (6, True)])
def test_a_handful_of_problems_is_never_significant(n_problems: int, is_significant: bool) -> None:
    gain = compare([[failed("a")]] * n_problems, [[passed("b")]] * n_problems)["pass@1"]
    assert (gain.change.low > 0.0, gain.is_significant) == (is_significant, is_significant)
    assert gain.change.value == gain.change.high == 1.0


def test_one_draw_says_nothing_of_diversity() -> None:
    assert list(compare([[failed("a")]] * 8, [[passed("b")]] * 8)) == ["pass@1"]


def test_more_passes_alone_are_no_loss_of_diversity() -> None:
    # Before: 2 of 2 distinct. After: 4 of 8 distinct, each twice: the plain share halves. Two draws from it
    # are distinct with probability 6/7, so that much and no more was lost.
    before = [[passed("a"), passed("b")] + [failed(f"x{index}") for index in range(6)]] * 8
    after = [[passed(text) for text in "aabbccdd"]] * 8
    gain = compare(before, after)["distinct_passed"]
    assert gain.before.value == 1.0
    assert gain.after.value == pytest.approx((1 + 6 / 7) / 2)


def test_without_abundances_only_equal_numbers_are_compared() -> None:
    before = [[passed("a"), passed("b")], [passed("a"), passed("b")]]
    after = [[passed("a"), passed("a")], [passed("a")] * 4]
    gain = compare(before, after, counted=False)["distinct_passed"]
    assert (gain.before.value, gain.after.value) == (1.0, 0.5)
    assert compare(before, after)["distinct_passed"].after.value == pytest.approx(0.5)


def test_a_problem_with_too_few_decided_is_left_out_of_that_k_on_both_sides() -> None:
    before = [[passed("a"), passed("b")], [failed("a"), failed("b")]]
    after = [[passed("a"), passed("b")], [passed("a"), ("b", Label.UNDECIDED)]]
    gains = compare(before, after)
    assert gains["pass@1"].change.value == pytest.approx(0.5)
    assert (gains["pass@2"].before.value, gains["pass@2"].change.value) == (1.0, 0.0)


def test_scores_of_other_problems_are_refused() -> None:
    one, _ = score(draw([[passed("a")]]), 1)
    verdict = judged("1", problem_id="q/1")
    other = score_candidates("after", "m", [verdict.verdict], [verdict.syntax], ["q/1"], CONFIG, 1)
    with pytest.raises(ScoringError, match="share no problem"):
        compare_scores(one, other, CONFIG, 1)
