import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.pairing.drops import Drop, NarrowedError
from pairsmith.pipeline.pairing.entries import tie_breaks
from pairsmith.pipeline.pairing.guards import difficulty_cap, over_difficulty_share
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import CandidateCrosscheck, CrosscheckResult, Label, ProblemCrosscheck
from tests.pairing_records import Judged, judged, pair_up, problem

FAILED = Label.FAILED
OPEN: dict[str, Any] = {
    "test_share": 0.0,
    "max_trivial_share": 1.0,
    "max_length_ratio": None,
    "max_per_candidate": 99,
}


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.floats(0, 1))
def test_the_difficulty_cap_is_the_largest_that_holds(sizes: list[int], share: float) -> None:
    bound = max(share, 1 / len(sizes))
    holding = [
        cap
        for cap in range(1, max(sizes) + 1)
        if max(min(size, cap) for size in sizes) <= bound * sum(min(size, cap) for size in sizes) + 1e-9
    ]
    assert min(difficulty_cap(sizes, share), max(sizes)) == max(holding)


def test_the_difficulty_cap_takes_turns_over_problems() -> None:
    rows = pl.DataFrame(
        {
            "problem_id": ["a"] * 4 + ["b"] + ["c"] * 2,
            "difficulty": [0] * 5 + [1] * 2,
            "pair_tie": range(7),
        }
    )
    out = over_difficulty_share(rows, 0.5)
    assert rows.filter(~out)["problem_id"].to_list() == ["a", "b", "c", "c"]


def test_an_answer_too_many_times_longer_makes_no_pair() -> None:
    rows = [judged("right", completion="x" * 10), judged("long", FAILED, completion="y" * 21)]
    rows.append(judged("short", FAILED, completion="z" * 5))
    made = pair_up(rows, PairsConfig(**{**OPEN, "max_length_ratio": 2.0}))
    assert [pair.rejected_id for pair in made.pairs] == ["short"]
    assert made.dropped == {Drop.LENGTH_GAP: 1}


@pytest.mark.parametrize(
    ("standing", "reject_outvoted", "pairs", "dropped"),
    [
        (CrosscheckResult.CONFIRMED, False, {("other", "wrong"), ("held", "wrong")}, {}),
        (CrosscheckResult.UNCHECKED, False, {("other", "wrong"), ("held", "wrong")}, {}),
        (CrosscheckResult.DOUBTFUL, False, {("other", "wrong")}, {Drop.DOUBTFUL: 1}),
        (CrosscheckResult.OUTVOTED, False, {("other", "wrong")}, {Drop.DOUBTFUL: 1}),
        (CrosscheckResult.REFUTED, False, {("other", "wrong")}, {Drop.DOUBTFUL: 1}),
        (CrosscheckResult.DOUBTFUL, True, {("other", "wrong")}, {Drop.DOUBTFUL: 1}),
        (CrosscheckResult.OUTVOTED, True, {("other", "wrong"), ("other", "held")}, {}),
        (CrosscheckResult.REFUTED, True, {("other", "wrong"), ("other", "held")}, {}),
    ],
)
def test_a_doubted_candidate_is_never_chosen(
    standing: CrosscheckResult, reject_outvoted: bool, pairs: set[tuple[str, str]], dropped: dict[Drop, int]
) -> None:
    rows = [judged("other"), judged("held"), judged("wrong", FAILED)]
    config = PairsConfig(**OPEN, reject_outvoted=reject_outvoted)
    held = CandidateCrosscheck("held", "p/1", standing, "consensus", 9, 3, "g", 0.1)
    made = pair_up(rows, config, standings=[held])
    assert {(pair.chosen_id, pair.rejected_id) for pair in made.pairs} == pairs
    assert made.dropped == dropped
    shown = {pair.rejected_id: pair.rejected_standing for pair in made.pairs}
    assert shown.get("held", standing.value) == standing.value


def test_weak_problems_may_be_left_out() -> None:
    rows = [judged("right"), judged("wrong", FAILED)]
    weak = [ProblemCrosscheck("p/1", 9, 9, "consensus", 2, 2, 0.5, True, ("[1]",), 0, 0)]
    assert len(pair_up(rows, PairsConfig(**OPEN), weak=weak).pairs) == 1
    made = pair_up(rows, PairsConfig(**OPEN, weak_problems=False), weak=weak)
    assert (made.pairs, made.dropped) == ((), {Drop.WEAK_PROBLEM: 1})


def test_a_selection_that_loses_too_many_approaches_fails() -> None:
    rows = [judged(f"r{index}") for index in range(4)] + [judged("w", FAILED)]
    few = PairsConfig(**OPEN, max_per_problem=2)
    made = pair_up(rows, few).whole
    assert (made.approaches.n_before, made.approaches.n_after, made.approaches.kept) == (4, 2, 0.5)
    with pytest.raises(NarrowedError, match=r"2 of 4 right approaches.*min_approaches_kept"):
        pair_up(rows, few.model_copy(update={"min_approaches_kept": 0.6}))


def test_rare_approaches_weigh_as_much_as_common_ones() -> None:
    """Three draws of one approach, two of them one program, and one of another: their pairs weigh 1 to 3."""
    common = [("a", "A"), ("b", "A"), ("c", "C")]
    rows = [judged(name, code=code, cluster="common", signature="s") for name, code in common]
    rows += [judged("rare", signature="s"), judged("w", FAILED), judged("v", FAILED)]
    config = PairsConfig(**OPEN, max_per_problem=4, rarity=1.0)

    def weights(one: PairsConfig, more: Sequence[Judged] = ()) -> list[tuple[str, float]]:
        made = pair_up([*rows, *more], one, [problem("p/1"), problem("p/2")])
        return sorted({(pair.chosen_id, round(pair.weight, 6)) for pair in made.pairs})

    assert weights(config.model_copy(update={"rarity": 0.0})) == [("a", 1.0), ("c", 1.0), ("rare", 1.0)]
    first, second, rare = weights(config)
    assert first[1] == second[1] == pytest.approx(rare[1] / 3, abs=1e-5)
    made = pair_up(rows, config)
    assert sum(pair.weight for pair in made.pairs) == pytest.approx(len(made.pairs))
    half = dict(weights(config.model_copy(update={"rarity": 0.5})))
    assert half["rare"] / half["a"] == pytest.approx(3**0.5, abs=1e-4)
    # A problem with one approach has the weight of approaches that are drawn always.
    alone = dict(weights(config, [judged("x", problem_id="p/2"), judged("y", FAILED, problem_id="p/2")]))
    assert alone["rare"] / alone["x"] == pytest.approx(4.0, abs=1e-4)
    with pytest.raises(ValueError, match="rarity = 0 or leakage = drop"):
        PairsConfig(rarity=1.0, leakage="weigh")


def test_ties_are_the_same_on_every_machine() -> None:
    # Pinned: another hash would give everybody other pairs.
    assert tie_breaks(pl.Series(["a", "b", ""]), 7).to_list() == [
        2751986012153308349, 6440384155593422313, 1874201255128393200,
    ]  # fmt: skip


def test_near_duplicate_problems_never_span_the_splits() -> None:
    words = "Return the sum of all even numbers that stand in the given list of whole numbers"
    wordings = [f"{words}.", f"{words}, please.", f"Please: {words.lower()}."]
    problems = [problem(f"p/{index}", prompt=wordings[index % 3]) for index in range(12)]
    others = [
        problem(f"q/{index}", prompt=f"Task {index} asks about {index} things {index * 7} times")
        for index in range(12)
    ]
    rows = [
        row
        for one in problems + others
        for row in (
            judged(f"{one.problem_id}r", problem_id=one.problem_id),
            judged(f"{one.problem_id}w", FAILED, problem_id=one.problem_id),
        )
    ]
    config = PairsConfig(**{**OPEN, "test_share": 0.5})
    made = pair_up(rows, config, problems + others)
    splits = {pair.problem_id: pair.split for pair in made.pairs}
    assert {splits[key] for key in splits if key.startswith("p/")} == {"test"}
    assert {splits[key] for key in splits if key.startswith("q/")} == {"train", "test"}
    alone = pair_up(rows, config.model_copy(update={"near_problems": None}), problems + others)
    kept = {pair.problem_id: pair.split for pair in alone.pairs}
    assert made.dropped[Drop.NEAR_TEST_PROBLEM] == sum(kept[f"p/{index}"] == "train" for index in range(12)) > 0
    assert splits.items() <= kept.items(), "a problem is left out or stays where it was"


def test_a_right_program_of_a_held_out_problem_is_not_trained_on() -> None:
    problems = [problem(f"p/{index}") for index in range(12)]
    same = "def f(x):\n    return sorted(x)"
    rows = [
        row
        for one in problems
        for row in (
            judged(f"{one.problem_id}same", problem_id=one.problem_id, code=same),
            judged(f"{one.problem_id}own", problem_id=one.problem_id),
            judged(f"{one.problem_id}wrong", FAILED, problem_id=one.problem_id, code="def f(x):\n    return x"),
        )
    ]
    made = pair_up(rows, PairsConfig(**{**OPEN, "test_share": 0.5, "near_problems": None}), problems)
    chosen = {split: {pair.chosen_id for pair in made.pairs if pair.split == split} for split in ("train", "test")}
    assert chosen["train"]
    assert all(name.endswith("own") for name in chosen["train"])
    assert any(name.endswith("same") for name in chosen["test"])
    n_train = len({pair.problem_id for pair in made.pairs if pair.split == "train"})
    assert made.dropped[Drop.HELD_OUT] == n_train, "equal wrong programs leak nothing"


def test_a_refresh_moves_no_problem_between_the_splits() -> None:
    words = "Count the {} that stand in the given text and return their number as a whole number"
    names = ["vowels", "digits", "spaces", "commas", "letters", "brackets", "dots", "quotes"]
    problems = [problem(f"p/{index}", prompt=words.format(name)) for index, name in enumerate(names)]
    more = [problem(f"z/{index}", prompt=words.format(name) + ", please") for index, name in enumerate(names)]
    more += [problem(f"y/{index}", prompt=f"Task {index} asks about {index} things") for index in range(20)]

    def rows(of: Sequence[Problem], n: int) -> list[Judged]:
        labels = ((f"+{k}", Label.PASSED) for k in range(n)), ((f"-{k}", FAILED) for k in range(n))
        both = [one for side in labels for one in side]
        return [
            judged(one.problem_id + name, label, problem_id=one.problem_id) for one in of for name, label in both
        ]

    config = PairsConfig(**{**OPEN, "test_share": 0.5})
    old = pair_up(rows(problems, 2), config, problems)
    new = pair_up(rows([*problems, *more], 5), config, [*problems, *more])
    was = {pair.problem_id: pair.split for pair in old.pairs}
    now = {pair.problem_id: pair.split for pair in new.pairs}
    assert set(was.values()) == {"train", "test"}
    assert all(now[key] == split for key, split in was.items() if key in now)
    # What is gone was of the train split, and has a near-duplicate among the held-out ones now.
    assert {was[key] for key in was if key not in now} <= {"train"}
    entries = old.whole.entries.select("problem_id", "split").unique().rows()
    assert set(entries) <= set(new.whole.entries.select("problem_id", "split").unique().rows())


def test_a_candidate_of_a_benchmark_makes_no_pair() -> None:
    """Neither side may hold what is measured with."""
    taken = replace(judged("taken").syntax, contaminated_by="HumanEval/12")
    rows = [judged("other"), replace(judged("taken"), syntax=taken), judged("wrong", FAILED)]
    made = pair_up(rows, PairsConfig(**OPEN))
    assert {(pair.chosen_id, pair.rejected_id) for pair in made.pairs} == {("other", "wrong")}
    assert made.dropped == {Drop.CONTAMINATED: 1}


_MEASURE = """
import resource
import polars as pl
from pairsmith.pipeline.pairing.pairs import _drop_held_out, _held_out_solutions
n = 40_000
rows = pl.select(place=pl.int_range(n)).with_columns(
    problem_id=pl.format("p{}", pl.col("place") // 10),
    split=pl.when(pl.col("place") % 20 < 10).then(pl.lit("test")).otherwise(pl.lit("train")),
    passed=pl.lit(True), exact=pl.format("{}" + "x" * 24, "place"), fingerprint=pl.format("{}", "place"),
    reason=pl.lit(None, dtype=pl.String),
)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert _drop_held_out(rows, _held_out_solutions(rows))["reason"].is_null().all()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
def test_looking_for_held_out_programs_takes_memory_once_and_not_a_group() -> None:
    ended = subprocess.run([sys.executable, "-c", _MEASURE], capture_output=True, text=True, check=True)
    assert float(ended.stdout) < 200  # MiB; a copy of the held-out programs a group took 2,000
