from dataclasses import replace
from typing import Any

import pytest

from pairsmith.pipeline.evaluation.compare import compare_scores
from pairsmith.pipeline.evaluation.estimates import count_abundances, rarefied_distinct, rarefied_effective
from pairsmith.pipeline.evaluation.score import (
    GREEDY,
    gather_measure_inputs,
    measure_rank,
    score_candidates,
)
from pairsmith.schemas.config import ScoringConfig
from pairsmith.schemas.score import Score
from pairsmith.schemas.verdict import Label
from tests.pairing_records import Judged, judged

CONFIG = ScoringConfig(k=(1, 2, 4), n_bootstrap=200)


def draw(texts: str, greedy: Label | None = None, key: str = "p/1", **changes: Any) -> list[Judged]:
    """A problem's candidates, one a letter: capitals passed. The greedy one is not among them."""
    rows = []
    for place, text in enumerate(texts):
        label = Label.PASSED if text.isupper() else Label.FAILED
        row = judged(f"{key}.{place}", label, problem_id=key, renamed=text, signature=text)
        syntax = replace(row.syntax, quality=0.5, quality_style=place / 10, tags=("lambda",) if place else ())
        rows.append(
            replace(row, syntax=replace(syntax, **changes), program=replace(row.program, code=f"x = {text}"))
        )
    if greedy is not None:
        rows.append(judged(f"{key}.greedy", greedy, problem_id=key, renamed="G", signature="G"))
    return rows


def score(rows: list[Judged], keys: tuple[str, ...] = ("p/1",)) -> Score:
    greedy = {row.verdict.candidate_id for row in rows if row.verdict.candidate_id.endswith("greedy")}
    sampled = [row.verdict for row in rows if row.verdict.candidate_id not in greedy]
    syntax = [row.syntax for row in rows]
    abundances = count_abundances(sampled, syntax, keys)
    verdicts = [row.verdict for row in rows]
    evidence = gather_measure_inputs(abundances, verdicts, syntax, greedy)
    return score_candidates("s", "m", sampled, syntax, keys, CONFIG, 0, evidence)


def test_kinds_are_told_at_each_k_that_the_draws_allow() -> None:
    (part,) = score(draw("AAbbc")).problems
    assert part.values["distinct_syntax@2"] == pytest.approx(rarefied_distinct([2, 2, 1], 2))
    assert part.values["distinct_syntax@4"] == pytest.approx(rarefied_distinct([2, 2, 1], 4))
    assert part.values["effective_syntax@4"] == pytest.approx(rarefied_effective([2, 2, 1], 4))
    assert part.values["distinct_passed@2"] == pytest.approx(1.0)
    assert "distinct_passed@4" not in part.values
    assert "effective_syntax@2" not in part.values


def test_quality_is_a_mean_over_the_sampled() -> None:
    (part,) = score(draw("Abc", greedy=Label.PASSED)).problems
    assert part.values["quality"] == 0.5
    assert part.values["quality_style"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("label", "expected"), [(Label.PASSED, 1.0), (Label.FAILED, 0.0), (Label.UNDECIDED, None), (None, None)]
)
def test_the_greedy_draw_is_told_apart(label: Label | None, expected: float | None) -> None:
    made = score(draw("Ab", greedy=label))
    assert made.problems[0].values.get(GREEDY) == expected
    assert made.problems[0].n == 2
    assert made.pass_at[1].value == 0.5


def test_further_measures_are_compared_in_pairs_of_problems() -> None:
    keys = tuple(f"p/{place}" for place in range(8))
    before = score([row for key in keys for row in draw("AAaa", Label.FAILED, key)], keys)
    after = score([row for key in keys for row in draw("ABcd", Label.PASSED, key)], keys)
    gains = {gain.measure: gain for gain in compare_scores(before, after, CONFIG, 0)}
    assert gains[GREEDY].change.value == 1.0
    assert gains["distinct_syntax@4"].before.value == pytest.approx(2.0)
    assert gains["distinct_syntax@4"].after.value == pytest.approx(4.0)
    assert gains["distinct_syntax@4"].is_significant
    assert list(gains)[3:6] == ["distinct_syntax", "distinct_behaviour", "distinct_passed"]


def test_a_measure_that_one_side_lacks_is_left_out_there() -> None:
    keys = ("p/1", "p/2")
    before = score(draw("Ab", Label.PASSED, "p/1") + draw("Ab", None, "p/2"), keys)
    after = score(draw("Ab", Label.FAILED, "p/1") + draw("Ab", Label.PASSED, "p/2"), keys)
    gains = {gain.measure: gain for gain in compare_scores(before, after, CONFIG, 0)}
    assert gains[GREEDY].change.value == -1.0


def test_measures_are_told_in_order() -> None:
    names = ["quality", "distinct_syntax@10", "distinct_syntax@2", GREEDY]
    assert sorted(names, key=measure_rank) == [GREEDY, "distinct_syntax@2", "distinct_syntax@10", "quality"]
