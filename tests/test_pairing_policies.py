from collections.abc import Sequence
from typing import Any

import pytest

from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.schemas.config.pairs import PairsConfig, PolicyConfig
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.verdict import Cause, Label
from tests.pairing_records import Judged, judged, pair_up

PASSED, FAILED = Label.PASSED, Label.FAILED


def config(*policies: PolicyConfig, **changes: Any) -> PairsConfig:
    values: dict[str, Any] = {
        "policies": policies,
        "test_share": 0.0,
        "max_trivial_share": 1.0,
        "max_length_ratio": None,
        "max_per_candidate": 99,
        "max_per_problem": 99,
    }
    return PairsConfig(**{**values, **changes})


def ids(pairs: Sequence[Pair]) -> set[tuple[str, str]]:
    return {(pair.chosen_id, pair.rejected_id) for pair in pairs}


def test_partial_credit_asks_for_its_gap_and_no_more() -> None:
    rows = [judged("all")]
    rows += [judged(f"{n}of4", FAILED, n_passed=n) for n in (0, 1, 3)]
    made = pair_up(rows, config(PolicyConfig(name="partial_credit", min_gap=0.5)))
    assert ids(made.pairs) == {("all", "0of4"), ("all", "1of4"), ("3of4", "0of4"), ("3of4", "1of4")}
    values = {(pair.chosen_id, pair.rejected_id): pair.policy_value for pair in made.pairs}
    assert values["3of4", "1of4"] == 0.5
    assert made.dropped[Drop.NOT_PREFERRED] == 4 * 3 - 4


def test_nearest_wrong_takes_the_most_alike_program() -> None:
    right = "def f(x):\n    return x + 1  # one more"
    rows = [judged("right", code=right)]
    rows += [judged("near", FAILED, code="def f(x):\n    return x - 1  # another remark")]
    rows += [judged("far", FAILED, code="def f(x):\n    y = [x]\n    while y:\n        return y.pop() * 2")]
    made = pair_up(rows, config(PolicyConfig(name="nearest_wrong"), max_per_problem=1))
    assert ids(made.pairs) == {("right", "near")}
    assert made.pairs[0].policy_value == pytest.approx(1 / 10)  # one of ten tokens; the comments are none


def test_likeliest_wrong_takes_the_mistake_that_the_model_believes_in() -> None:
    rows = [judged("right"), judged("unknown", FAILED, mean_logprob=None)]
    rows += [judged(f"at{logprob}", FAILED, mean_logprob=logprob) for logprob in (-0.9, -0.1, -0.5)]
    made = pair_up(rows, config(PolicyConfig(name="likeliest_wrong"), max_per_problem=2))
    assert ids(made.pairs) == {("right", "at-0.1"), ("right", "at-0.5")}
    assert {pair.policy_value for pair in made.pairs} == {-0.1, -0.5}


def test_cleaner_is_better_in_something_and_worse_in_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        judged("typed", tags=("docstring", "type_hints_full")),
        judged("long", tags=("docstring", "long_line", "type_hints_full")),
        judged("plain", tags=()),
        judged("wrong", FAILED, tags=()),
    ]
    made = pair_up(rows, config(PolicyConfig(name="cleaner")))
    assert ids(made.pairs) == {("typed", "long"), ("typed", "plain")}
    wish = PolicyConfig(name="cleaner", prefer=("type_hints_full", "docstring"))
    monkeypatch.setattr("pairsmith.pipeline.pairing.policies._MIN_TAGS", 2)
    assert ids(pair_up(rows, config(wish)).pairs) == {("typed", "plain"), ("long", "plain")}


def test_cleaner_may_go_by_dimensions_of_quality() -> None:
    rows = [
        judged("neat", tags=(), quality_readability=0.9, quality_style=0.8),
        judged("terse", tags=(), quality_readability=0.5, quality_style=0.9),
        judged("messy", tags=("docstring",), quality_readability=0.5, quality_style=0.6),
        judged("unknown", tags=(), quality_readability=0.1),
        judged("wrong", FAILED, quality_readability=0.0, quality_style=0.0),
    ]
    both = PolicyConfig(name="cleaner", dimensions=("readability", "style"))
    made = pair_up(rows, config(both)).pairs
    gains = {(pair.chosen_id, pair.rejected_id): pair.policy_value for pair in made}
    assert gains == pytest.approx({("neat", "messy"): 0.3, ("terse", "messy"): 0.15})
    assert ids(pair_up(rows, config(both.model_copy(update={"min_quality": 0.2}))).pairs) == {("neat", "messy")}
    wish = PolicyConfig(name="cleaner", dimensions=("readability",), prefer=("docstring",), min_quality=0.0)
    assert ids(pair_up(rows, config(wish)).pairs) == {("messy", "terse"), ("messy", "unknown")}


def test_programs_of_one_fingerprint_make_no_pair() -> None:
    rows = [
        judged("commented", exact="e", renamed="r", tags=("docstring",)),
        judged("bare", exact="e", renamed="r", tags=(), duplicate_of="commented"),
    ]
    assert pair_up(rows, config(PolicyConfig(name="cleaner"))).pairs == ()


def test_best_of_n_is_taken_in_blocks_of_draws_and_keeps_n() -> None:
    shares = [4, 1, 0, 2, 2, 2, 3, 0]
    rows = [
        judged(f"draw{index}", PASSED if share == 4 else FAILED, n_passed=share, index=index)
        for index, share in enumerate(shares)
    ]
    rows.append(judged("unknown", Label.UNDECIDED, index=3))
    made = pair_up(rows, config(PolicyConfig(name="best_of_n", n=4)))
    found = {(pair.chosen_id, pair.rejected_id): pair.n_compared for pair in made.pairs}
    assert found == {("draw0", "draw2"): 4, ("draw6", "draw7"): 4}
    ties = [judged(f"draw{index}", FAILED, n_passed=2, index=index) for index in range(4)]
    assert pair_up(ties, config(PolicyConfig(name="best_of_n", n=4))).pairs == ()


def test_policies_share_a_problem_by_weight() -> None:
    rows = [judged(f"r{index}") for index in range(6)] + [judged(f"w{index}", FAILED) for index in range(6)]
    policies = (PolicyConfig(weight=3.0), PolicyConfig(name="likeliest_wrong", weight=1.0))
    made = pair_up(rows, config(*policies, max_per_problem=8))
    names = [pair.policy for pair in made.pairs]
    assert (names.count("passed_over_failed"), names.count("likeliest_wrong")) == (6, 2)


def test_two_policies_never_pair_the_same_two() -> None:
    rows = [judged("right"), judged("wrong", FAILED)]
    made = pair_up(rows, config(PolicyConfig(), PolicyConfig(name="nearest_wrong")))
    assert len(made.pairs) == 1
    assert made.dropped == {Drop.PAIR_TAKEN: 1}


def test_what_is_beyond_the_reach_is_counted() -> None:
    rows = [judged(f"r{index}") for index in range(5)] + [judged(f"w{index}", FAILED) for index in range(7)]
    made = pair_up(rows, config(PolicyConfig(reach=3)))
    assert (len(made.pairs), made.dropped) == (9, {Drop.BEYOND_REACH: 35 - 9})


def test_trivial_rejects_are_offered_last() -> None:
    rows: list[Judged] = [
        judged("right"),
        judged("trivial", FAILED, cause=Cause.SYNTAX_ERROR),
        judged("w", FAILED),
    ]
    made = pair_up(rows, config(PolicyConfig(reach=1)))
    assert ids(made.pairs) == {("right", "w")}
