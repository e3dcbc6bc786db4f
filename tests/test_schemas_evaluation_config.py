from pathlib import Path

import pytest

from pairsmith.schemas.config import ConfigError, load_config
from pairsmith.schemas.config.evaluation import evaluation_overrides


def test_options_of_the_command_line_become_sets_and_models() -> None:
    on = ["humaneval", "mbpp+=data/MbppPlus.jsonl.gz", "EvoEval_subtle", "mine=own.jsonl"]
    evaluation = load_config(None, evaluation_overrides(on, "models/m", Path("a"))).evaluation
    assert not evaluation.held_out
    assert [(one.title(), one.source, one.path) for one in evaluation.sets] == [
        ("humaneval", "humaneval", None),
        ("mbpp+", "mbpp+", Path("data/MbppPlus.jsonl.gz")),
        ("EvoEval_subtle", "evoeval", None),
        ("mine", "jsonl", Path("own.jsonl")),
    ]
    assert evaluation.sets[2].dataset == "EvoEval_subtle"
    assert [(one.name, one.model, one.adapter) for one in evaluation.models] == [
        ("model", "models/m", None),
        ("adapter", "models/m", Path("a")),
    ]


def test_without_options_nothing_is_overridden() -> None:
    assert evaluation_overrides([]) == []


def test_a_limit_holds_for_each_set_that_is_named() -> None:
    evaluation = load_config(None, evaluation_overrides(["humaneval", "mine=own.jsonl"], limit=20)).evaluation
    assert [one.limit for one in evaluation.sets] == [20, 20]


def test_samples_alone_are_evaluated_alone() -> None:
    (one,) = load_config(None, evaluation_overrides([], samples=Path('a "b".jsonl'))).evaluation.models
    assert (one.name, one.samples) == ("samples", Path('a "b".jsonl'))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ('evaluation.sets=[{source="mbpp"}, {source="mbpp"}]', "'mbpp' comes twice"),
        ('evaluation.sets=[{source="hub", dataset="a/b"}, {source="hub", dataset="a-b"}]', "'a-b' comes twice"),
        ('evaluation.sets=[{name="../up"}]', "'../up' can't name a folder"),
        ('evaluation.sets=[{name="held-out"}]', "can't name a folder"),
        ('evaluation.models=[{name="a/b"}]', "evaluation.models.0.name"),
        ("evaluation.set=[]", "evaluation.sets"),
        ('gate.evidence="guess"', "gate.evidence"),
    ],
)
def test_bad_settings_are_named(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        load_config(None, [override])
