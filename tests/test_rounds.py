"""Rounds: what each is made with, when they end, which to keep; no model is run here."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.chain.state import remembered
from pairsmith.pipeline.evaluation.compare import Draws, lost_approaches
from pairsmith.pipeline.evaluation.gate import check_gate
from pairsmith.pipeline.evaluation.round_config import (
    RoundsError,
    changed_settings,
    check_rounds,
    list_rounds,
    round_config,
)
from pairsmith.pipeline.evaluation.rounds import (
    read_rounds,
    recommend,
    settled_problems,
    why_stop,
    without,
    write_rounds,
)
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.report.study import conclude, render_rounds
from pairsmith.schemas.config import ConfigError, RunConfig, SyntaxConfig, validate_run
from pairsmith.schemas.score import Gain, GateOutcome, Interval, LostApproach, RoundRow
from tests.pairing_records import judged, problem
from tests.report_run import gains_between, make_score


def make_config(folder: Path, **sections: Any) -> RunConfig:
    return validate_run({"run": folder, "sampling": {"model": "models/base"}, **sections})


def train_round(one: RunConfig, kind: str = "adapter") -> RunConfig:
    """Pretend that a round was trained."""
    (one.run / "training" / kind).mkdir(parents=True)
    return one


def test_a_round_draws_from_and_goes_on_with_what_the_last_one_trained(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    first = round_config(config, 1, None)
    assert (first.run, first.sampling.adapter, first.training.adapter) == (tmp_path / "round-1", None, None)
    second = round_config(config, 2, train_round(first))
    adapter = tmp_path / "round-1" / "training" / "adapter"
    assert (second.sampling.model, second.sampling.adapter) == ("models/base", adapter)
    assert (second.training.start, second.training.adapter, second.training.reference) == (
        "models/base", adapter, "start",
    )  # fmt: skip
    with pytest.raises(RoundsError, match="contains no trained model"):
        round_config(config, 3, second)


def test_a_round_may_train_from_the_start_or_compare_with_it(tmp_path: Path) -> None:
    config = make_config(tmp_path, rounds={"start": "start", "reference": "start"})
    second = round_config(config, 2, train_round(round_config(config, 1, None)))
    assert (second.sampling.adapter is not None, second.training.adapter) == (True, None)
    config = make_config(tmp_path / "b", rounds={"reference": "start"})
    second = round_config(config, 2, train_round(round_config(config, 1, None)))
    assert second.training.reference == "base"
    full = make_config(tmp_path / "c", training={"tuning": "full"})
    second = round_config(full, 2, train_round(round_config(full, 1, None), "model"))
    model = str(tmp_path / "c" / "round-1" / "training" / "model")
    assert (second.sampling.model, second.training.start, second.training.adapter) == (model, model, None)


def test_settings_by_round_hold_from_their_round_on_and_replay_mixes_earlier_pairs_in(tmp_path: Path) -> None:
    by_round = [{}, {"training": {"beta": 0.3}, "sampling": {"temperature": 1.1}}, {"training": {"beta": 0.2}}]
    config = make_config(tmp_path, rounds={"by_round": by_round, "replay": 0.4})
    one = round_config(config, 1, None)
    assert (one.training.beta, one.sampling.temperature, one.training.datasets) == (None, 0.8, ())
    two = round_config(config, 2, train_round(one))
    three = round_config(config, 3, train_round(two))
    assert [row.training.beta for row in (two, three)] == [0.3, 0.2]
    assert [row.sampling.temperature for row in (two, three)] == [1.1, 1.1]
    assert [(part.title(), part.share) for part in three.training.datasets] == [
        ("own", None), ("round-1", 0.2), ("round-2", 0.2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"rounds": {"start": "start", "reference": "previous"}}, "would start apart"),
        ({"rounds": {"by_round": [{"scoring": {"n": 3}}]}}, "the same in all rounds"),
        ({"rounds": {"by_round": [{"training": {"bta": 0.1}}]}}, "no such key"),
        ({"rounds": {"reference": "start"}, "training": {"tuning": "full"}}, "the model under the adapter"),
        ({"sampling": {"model": "m", "backend": "openai"}}, "can't serve what is trained here"),
        ({"evaluation": {"held_out": False}}, "scored on held-out problems"),
        (
            {"rounds": {"by_round": [{}, {"training": {"datasets": [{"path": "gone.jsonl"}]}}]}},
            "gone.jsonl: no such folder or file",
        ),
    ],
)
def test_rounds_that_can_not_be_are_refused_before_anything_is_drawn(
    tmp_path: Path, sections: dict[str, Any], words: str
) -> None:
    with pytest.raises((RoundsError, ConfigError), match=words):
        check_rounds(make_config(tmp_path, **sections))


def test_a_server_that_has_another_model_for_each_round_is_taken(tmp_path: Path) -> None:
    by_round = [{}, {"sampling": {"model": "mine-1"}}, {"sampling": {"model": "mine-2"}}]
    config = make_config(
        tmp_path,
        sampling={"model": "m", "backend": "openai"},
        training={"start": "w"},
        rounds={"by_round": by_round},
    )
    check_rounds(config)
    second = round_config(config, 2, train_round(round_config(config, 1, None)))
    assert (second.sampling.model, second.sampling.adapter, second.training.start) == ("mine-1", None, "w")


def test_solved_problems_are_left_out_and_never_solved_ones_are_retried() -> None:
    rounds = [{"a": (4, 4), "b": (4, 0), "c": (4, 2)}, {"b": (4, 0), "c": (4, 4), "d": (0, 0)}]
    assert settled_problems(rounds, 1.0, None) == {"a": "solved", "c": "solved"}
    assert settled_problems(rounds, None, 2) == {"b": "never_solved"}
    assert settled_problems(rounds[:1], None, 2) == {}
    assert settled_problems(rounds, 0.5, None) == {"a": "solved", "c": "solved"}
    assert settled_problems([{"b": (4, 1)}, {"b": (4, 0)}], None, 2) == {}


def test_held_out_problems_are_never_left_out() -> None:
    problems = tuple(problem(f"p/{n}") for n in range(20))
    kept = without({"s": LoadedProblems(problems)}, [row.problem_id for row in problems], 0.25)
    assert {split_of(row.problem_id, 0.25) for row in kept["s"].problems} == {"test"}
    assert without({"s": LoadedProblems(problems)}, [row.problem_id for row in problems], 0.0) == {}


def make_row(number: int, better: float, last: float = 0.0, fell: bool = False) -> RoundRow:
    start, score = make_score("before", 0.0), make_score("after", better)
    gains = tuple(gains_between(start, score))
    steps = tuple(gains_between(make_score("before", last), score))
    config = validate_run({"gate": {"evidence": "estimate", "max_diversity_fall": 0.0}}).gate
    gate = check_gate(gains, {}, {}, config)
    check = replace(gate.checks[1], outcome=GateOutcome.FELL, reason="diversity fell")
    return RoundRow(
        number, f"round-{number}", 8, {}, {"passed_over_failed": 9}, start, score, gains, steps,
        refusals=(check,) if fell else (), tokens=1000,
    )  # fmt: skip


def test_the_best_round_within_the_gate_is_kept_and_ties_go_to_the_earlier() -> None:
    assert recommend([]) is None
    assert recommend([make_row(1, 0.1), make_row(2, 0.2), make_row(3, 0.2)]) == 2
    assert recommend([make_row(1, 0.1), make_row(2, 0.2, fell=True)]) == 1
    assert recommend([make_row(1, -0.1)]) == 0
    assert recommend([make_row(1, 0.0)]) == 0
    assert recommend([RoundRow(1, "round-1", stop="no pairs")]) is None


def test_each_rule_that_ends_the_rounds_is_told(tmp_path: Path) -> None:
    config = make_config(tmp_path, rounds={"tokens": 2500})
    assert why_stop([make_row(1, 0.2)], config) == ""
    assert "the gate failed: diversity fell" in why_stop([make_row(1, 0.2, fell=True)], config)
    assert "2 rounds in a row" in why_stop([make_row(1, 0.0), make_row(2, 0.0)], config)
    three = [make_row(1, 0.2), make_row(2, 0.4, 0.2), make_row(3, 0.6, 0.4)]
    assert "tokens are drawn" in why_stop(three, config)
    free = make_config(tmp_path, rounds={"stop": []})
    assert why_stop([make_row(1, 0.0), make_row(2, 0.0, fell=True)], free) == ""


def test_what_was_changed_is_told_by_its_key(tmp_path: Path) -> None:
    one = round_config(make_config(tmp_path), 1, None)
    assert changed_settings(one) == []
    with remembered(one):
        pass
    assert changed_settings(one) == []
    changed = round_config(make_config(tmp_path, training={"beta": 0.5}), 1, None)
    assert changed_settings(changed) == ["training.beta: null -> 0.5"]
    faster = make_config(tmp_path, sampling={"model": "models/base", "concurrency": 3})
    assert changed_settings(round_config(faster, 1, None)) == []


COMMON = "def f(x):\n    return sorted(x)[0]"
RARE = "def f(x):\n    best = x[0]\n    for y in x:\n        if y < best:\n            best = y\n    return best"


def draws_of(codes: list[str], name: str) -> Draws:
    rows = [judged(f"{name}{n}", problem_id="p/0", code=code) for n, code in enumerate(codes)]
    return {"p/0": ([row.program for row in rows], len(codes))}


def test_an_approach_that_vanished_is_named_with_its_program() -> None:
    before, after = draws_of([COMMON] * 4 + [RARE] * 4, "a"), draws_of([COMMON] * 8, "b")
    (lost,) = lost_approaches(before, after, {}, SyntaxConfig())
    assert (lost.problem_id, lost.program, lost.n_before, lost.n_start, lost.n_round) == ("p/0", RARE, 4, 8, 8)
    assert lost.chance == pytest.approx(0.5**8)


def test_an_absence_that_may_be_chance_is_no_alarm() -> None:
    before, after = draws_of([COMMON] * 6 + [RARE] * 2, "a"), draws_of([COMMON] * 8, "b")
    assert lost_approaches(before, after, {}, SyntaxConfig()) == []


def test_the_page_says_what_happened_and_what_to_keep(tmp_path: Path) -> None:
    lost = LostApproach("p/<b>", "def f(): return '</code>'", 4, 8, 8, 0.004)
    flat, low = Interval(3.0, 2.8, 3.2), Interval(-0.6, -0.9, -0.3)
    narrowed = Gain("effective_behaviour@4", flat, Interval(2.4, 2.1, 2.7), low, True)
    first = make_row(1, 0.1)
    second = replace(make_row(2, 0.3, 0.1), lost=(lost,), stop="all are done", kl=0.0123)
    rows = [first, replace(second, gains=(*second.gains, narrowed))]
    result = write_rounds(tmp_path, rows)
    again = read_rounds(tmp_path)
    assert again is not None
    assert repr(again) == repr(result)
    assert read_rounds(tmp_path / "none") is None
    page = render_rounds("mine", result)
    assert "Keep round 2" in page
    assert "p/&lt;b&gt;" in page
    assert "</code>'" not in page
    assert page.count("<svg") == 2
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
    assert "Effective behaviours in 4 – 2.40 −0.60 fell (−0.90 to −0.30)" in text
    assert "KL to the start, nats per token – 0.0123 " in text
    (_, outcome, *_) = conclude(result)
    assert "effective behaviours in 4: fell, −0.60 (−0.90 to −0.30)" in outcome
    assert outcome.endswith("; right approaches of the start that are lost: 1.")
    unscored = write_rounds(tmp_path, [rows[0], RoundRow(2, "round-2", stop="no pairs")])
    assert repr(read_rounds(tmp_path)) == repr(unscored)
    assert "Round 2 was not scored: no pairs." in conclude(unscored)
    assert render_rounds("mine", unscored)
    (tmp_path / "rounds.json").write_text("{")
    with pytest.raises(RoundsError, match="can't be read"):
        read_rounds(tmp_path)
    held = write_rounds(tmp_path, [make_row(1, 0.1, fell=True)])
    assert any("Keep the start" in line and "Held back by the gate: round 1" in line for line in conclude(held))


def test_rounds_are_listed_in_their_order(tmp_path: Path) -> None:
    for name in ("round-10", "round-2", "round-x", "other"):
        (tmp_path / name).mkdir()
    assert [path.name for path in list_rounds(tmp_path)] == ["round-2", "round-10"]
