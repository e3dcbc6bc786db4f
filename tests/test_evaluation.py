from pathlib import Path

import pytest

from pairsmith.pipeline.evaluation.stage import (
    list_sets,
    list_subjects,
    trained_problems,
    trained_sampling,
)
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.sampling.planning import deal, list_arms
from pairsmith.schemas.config import RunConfig, load_config
from tests.pairing_records import problem


def config(tmp_path: Path, *overrides: str) -> RunConfig:
    return load_config(None, [f"run={tmp_path}", "scoring.n=6", *overrides])


def test_a_run_that_trained_is_scored_before_and_after(tmp_path: Path) -> None:
    settings = config(tmp_path, "sampling.backend=files", "sampling.samples=x.jsonl", "sampling.model=deep/model")
    assert trained_sampling(settings) is None
    assert [subject.name for subject in list_subjects(settings, None)] == ["before"]
    (tmp_path / "training" / "adapter").mkdir(parents=True)
    before, after = list_subjects(settings, trained_sampling(settings))
    assert (before.sampling.backend, before.sampling.samples, before.sampling.adapter) == ("auto", None, None)
    assert after.sampling.adapter == tmp_path / "training" / "adapter"
    assert (before.words, after.words) == ("model", "model + adapter")


def test_training_may_start_from_another_model_than_was_sampled(tmp_path: Path) -> None:
    (before,) = list_subjects(config(tmp_path, "training.start=b"), None)
    assert before.sampling.model == "b"


@pytest.mark.parametrize(("n", "n_warm", "n_cold"), [(1, 1, 1), (6, 6, 1), (16, 16, 1)])
def test_one_draw_more_is_greedy(tmp_path: Path, n: int, n_warm: int, n_cold: int) -> None:
    (before,) = list_subjects(config(tmp_path, f"scoring.n={n}"), None)
    draws = deal(list_arms(before.sampling), before.sampling.n)
    temperatures = [draw.arm.temperature for draw in draws]
    assert (temperatures.count(0.8), temperatures.count(0.0)) == (n_warm, n_cold)


@pytest.mark.parametrize("override", ["scoring.greedy=false", "sampling.temperature=0.0"])
def test_nothing_more_is_drawn_where_nobody_asks(tmp_path: Path, override: str) -> None:
    (before,) = list_subjects(config(tmp_path, override), None)
    assert (before.sampling.n, before.sampling.schedule) == (6, ())


def test_configured_models_take_the_place_of_the_runs_own(tmp_path: Path) -> None:
    models = '[{name="base"}, {name="file", samples="s.jsonl"}, {name="served", backend="openai"}]'
    base, file, served = list_subjects(
        config(tmp_path, f"evaluation.models={models}", "sampling.backend=files"), None
    )
    assert [base.sampling.backend, file.sampling.backend, served.sampling.backend] == ["auto", "files", "openai"]
    assert file.words == "s.jsonl"
    assert file.sampling.schedule == ()


def test_sets_have_folders_of_their_own(tmp_path: Path) -> None:
    sets = list_sets(config(tmp_path, 'evaluation.sets=[{source="mbpp"}]'))
    assert [(one.name, one.folder.relative_to(tmp_path).as_posix()) for one in sets] == [
        ("held-out", "evaluation"),
        ("mbpp", "evaluation/sets/mbpp"),
    ]
    assert sets[1].config.problems.source == "mbpp"


def test_problems_of_the_train_split_count_as_trained_on() -> None:
    problems = [problem(f"p/{place}") for place in range(40)]
    trained = trained_problems(problems, 0.3)
    assert trained == {row.problem_id for row in problems if split_of(row.problem_id, 0.3) == "train"}
    assert len(trained) > 20
