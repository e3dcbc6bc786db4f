from pathlib import Path

import pytest

from pairsmith.schemas.config import ConfigError
from pairsmith.schemas.config.loading import merged
from pairsmith.schemas.config.study import load_study

STUDY = """
run = "{tmp}/study"
seed = 3
base.sampling = {{ n = 4, max_tokens = 64 }}
base.scoring.n = 6
[[starts]]
name = "shipped"
[[starts]]
name = "tuned"
sampling.model = "other"
sft.max_steps = 5
[[methods]]
name = "dpo"
[[methods]]
name = "best"
sampling.n = 8
pairs.policies = [{{ name = "best_of_n" }}]
"""


def write(tmp_path: Path, text: str = STUDY) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(text.format(tmp=tmp_path), encoding="utf-8")
    return path


def test_a_cell_is_base_start_dataset_and_method_laid_over_each_other(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    start, method = study.starts[1], study.methods[1]
    cell = study.cell(tmp_path / "cell", start, study.datasets[0], method)
    assert (cell.run, cell.seed, cell.scoring.n) == (tmp_path / "cell", 3, 6)
    assert (cell.sampling.model, cell.sampling.n, cell.sampling.max_tokens) == ("other", 8, 64)
    assert cell.pairs.policies[0].name == "best_of_n"
    assert cell.sampling.store == str(tmp_path / "study" / "samples.sqlite")
    assert start.sft == {"max_steps": 5}
    assert [one.name for one in study.datasets] == ["own"]


def test_overrides_name_the_base_or_a_variant(tmp_path: Path) -> None:
    overrides = ["base.scoring.n=2", "starts.shipped.sampling.model=models/mine", "seed=9"]
    study = load_study(write(tmp_path), overrides, tmp_path / "elsewhere")
    cell = study.cell(tmp_path, study.starts[0])
    assert (cell.scoring.n, cell.sampling.model, cell.seed, study.run) == (
        2, "models/mine", 9, tmp_path / "elsewhere",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("starts.nobody.sampling.model=x", "write starts.NAME.section.key=value; known are shipped, tuned"),
        ("starts.shipped=x", "write starts.NAME"),
        ("base.sampling.temprature=1", "sampling.temperature"),
        ("methods.dpo.trainig.beta=1", "dpo has no section 'trainig'"),
        ("methods.dpo.run=x", "dpo has no section 'run'"),
        ("base.store='s3://bucket/x'", "base has no section 'store'"),
        ("bas.scoring.n=2", "the nearest known one is base"),
        ("base.scoring.n=0", "scoring.n"),
        ("starts=[]", "starts"),
        ('methods=[{name="a"}, {name="a"}]', "'a' comes twice"),
        ('methods=[{name="../a"}]', "can't name a folder"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_drawn(tmp_path: Path, override: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_study(write(tmp_path), [override])
    assert words in str(caught.value)


def test_an_address_in_the_place_of_the_folder_is_the_studys_store(tmp_path: Path) -> None:
    path = write(tmp_path)
    for study in (
        load_study(path, ["run='s3://bucket/mine/'"]),
        load_study(path, ["store='s3://bucket/other'"], "s3://bucket/mine"),
    ):
        assert (study.run, study.store) == (Path("runs/mine"), "s3://bucket/mine")
        assert study.cell(study.run / "cells", study.starts[0]).store == ""
    study = load_study(path, ["store='s3://bucket/mine'"], tmp_path / "here")
    assert (study.run, study.store) == (tmp_path / "here", "s3://bucket/mine")
    with pytest.raises(ConfigError, match="name two stores"):
        load_study(path, ["run='s3://bucket/mine'", "store='s3://bucket/other'"])


def test_tables_are_merged_and_other_values_replaced() -> None:
    assert merged({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}, "d": {"e": {}}}) == {
        "a": {"b": 1, "c": [2]}, "d": {"e": {}},
    }  # fmt: skip


def test_the_shipped_study_is_sound_and_takes_models() -> None:
    path = Path(__file__).parents[1] / "data" / "studies" / "reward_free.toml"
    study = load_study(path, ["starts.pretrained.sampling.model=a"])
    models = [study.cell(study.run, start).sampling.model for start in study.starts]
    assert models[0] == "a"
    methods = [study.cell(study.run, study.starts[0], method).training.method for method in study.methods]
    assert methods == ["dpo", "bonbon"]
    assert [one.title() for one in study.cell(study.run).evaluation.sets] == [
        "humaneval+", "mbpp+", "EvoEval_difficult",
    ]  # fmt: skip
