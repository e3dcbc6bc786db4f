import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.pairing.entries import tie_breaks
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.verdict import CandidateCrosscheck, CrosscheckResult, Label
from tests.pairing_records import Judged, judged, pair_up, problem

FAILED = Label.FAILED
OPEN: dict[str, Any] = {
    "test_share": 0.0,
    "max_trivial_share": 1.0,
    "max_length_ratio": None,
    "max_per_candidate": 99,
}


def test_an_answer_too_many_times_longer_makes_no_pair() -> None:
    rows = [judged("right", completion="x" * 10), judged("long", FAILED, completion="y" * 21)]
    rows.append(judged("short", FAILED, completion="z" * 5))
    made = pair_up(rows, PairsConfig(**{**OPEN, "max_length_ratio": 2.0}))
    assert [pair.rejected_id for pair in made.pairs] == ["short"]
    assert made.dropped == {Drop.LENGTH_GAP: 1}


@pytest.mark.parametrize("standing", CrosscheckResult)
def test_a_doubted_candidate_makes_no_pair(standing: CrosscheckResult) -> None:
    rows = [judged("other"), judged("held"), judged("wrong", FAILED)]
    held = CandidateCrosscheck("held", "p/1", standing, "consensus", 9, 3, "g", 0.1)
    made = pair_up(rows, PairsConfig(**OPEN), standings=[held])
    is_free = standing in (CrosscheckResult.CONFIRMED, CrosscheckResult.UNCHECKED)
    found = {(pair.chosen_id, pair.rejected_id) for pair in made.pairs}
    assert found == {("other", "wrong")} | ({("held", "wrong")} if is_free else set())
    assert made.dropped == ({} if is_free else {Drop.DOUBTFUL: 1})


def test_approaches_are_counted_before_and_after_selection() -> None:
    rows = [judged(f"r{index}") for index in range(4)] + [judged("w", FAILED)]
    made = pair_up(rows, PairsConfig(**OPEN, max_per_problem=2)).whole
    assert (made.approaches.n_before, made.approaches.n_after) == (4, 2)


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
