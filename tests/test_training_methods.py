"""The table of methods, and every method of it on a tiny model: train, save, reload, sample."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args

import pytest

from pairsmith.pipeline.training.checks import TrainingError, check_best_of_n
from pairsmith.pipeline.training.methods import METHODS, knobs, trl_classes
from pairsmith.pipeline.training.run import result_of, train
from pairsmith.pipeline.training.work import _no_memory
from pairsmith.schemas.config import TrainingConfig, load_config
from pairsmith.schemas.config.training import MethodName
from tests.training_kit import CONFIG, make_pair, write_pairs

pytest.importorskip("trl", reason="training needs pairsmith[train]")

OF_FOUR = [
    replace(
        make_pair(index, "train" if index < 6 else "test"),
        policy="best_of_n", n_compared=4, chosen_model="tiny", rejected_model="tiny",
    )
    for index in range(10)
]  # fmt: skip


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.parquet", OF_FOUR).parent


def test_the_table_has_every_method_that_the_configuration_knows() -> None:
    assert tuple(METHODS) == get_args(MethodName)
    for method in METHODS.values():
        assert "arXiv:" in method.source or "TRL 1.16" in method.source
        assert method.is_experimental == method.trainer.startswith("trl.experimental")
        trl_classes(method)


def test_the_documentation_names_every_method() -> None:
    text = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    assert [name for name in METHODS if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    "name", [name for name in METHODS if name != "focal"]
)  # rows with spans: test_training_focal
def test_every_method_trains_saves_reloads_and_samples(
    name: MethodName, model: Path, pairs: Path, tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config = CONFIG.model_copy(update={"method": name, "max_steps": 2, "learning_rate": 3e-3})
    summary = train(pairs, model, config, tmp_path, 0, lambda step: None)
    assert [step.step for step in summary.steps] == [1, 2]
    base, adapter = result_of(tmp_path)
    assert base is None
    tokenizer = AutoTokenizer.from_pretrained(model)
    with _quiet():
        tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), adapter)
    prompt = tokenizer("def", return_tensors="pt")
    assert tuned.generate(**prompt, max_new_tokens=3).shape[1] > prompt["input_ids"].shape[1]
    moved = sum(float(p.abs().sum()) for n, p in tuned.named_parameters() if "lora_B" in n)
    assert moved > 0.0


def _quiet() -> Any:
    from pairsmith.pipeline.training.trainer import quiet

    return quiet()


def test_a_method_that_the_installed_trl_lacks_is_refused_with_the_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    lost = replace(METHODS["orpo"], trainer="trl.experimental.lost:LostTrainer")
    with pytest.raises(TrainingError, match=r"orpo: trl 1\.16\S* lacks LostTrainer; pairsmith was tried with"):
        trl_classes(lost)
    with pytest.raises(TrainingError, match=r"dpo: trl \S+ lacks the loss 'brandnew'"):
        trl_classes(replace(METHODS["dpo"], losses=("brandnew",)))


def test_a_setting_that_says_nothing_to_a_method_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"dpo has no parameter margin; remove training\.margin"):
        knobs(METHODS["dpo"], TrainingConfig(margin=1.0))
    assert knobs(METHODS["simpo"], TrainingConfig(method="simpo")).margin == 1.0
    with pytest.raises(TrainingError, match="bonbon's alpha"):
        knobs(METHODS["bonbon"], TrainingConfig(method="bonbon", sft_weight=2.0))


def test_an_adapter_takes_ten_times_the_learning_rate() -> None:
    full = knobs(METHODS["dpo"], TrainingConfig(tuning="full")).learning_rate
    assert knobs(METHODS["dpo"], TrainingConfig()).learning_rate == pytest.approx(10 * full)
    assert knobs(METHODS["dpo"], TrainingConfig(learning_rate=0.5)).learning_rate == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy": "passed_over_failed"}, r"pairs of passed_over_failed; build them with .*best_of_n"),
        ({"n_compared": None}, "some have none in n_compared"),
        ({"n_compared": 1}, "some have none in n_compared"),
        ({"rejected_model": "another"}, "drawn from another, tiny: sample from tiny"),
    ],
)
def test_bonbon_refuses_pairs_that_are_not_best_and_worst_of_its_own_draws(
    change: dict[str, Any], message: str, model: Path, tmp_path: Path
) -> None:
    rows = [*OF_FOUR[:5], replace(OF_FOUR[5], **change)]
    folder = write_pairs(tmp_path / "pairs.parquet", rows).parent
    config = CONFIG.model_copy(update={"method": "bonbon"})
    with pytest.raises(TrainingError, match=message):
        train(folder, model, config, tmp_path / "out", 0, lambda step: None)


def test_bonbon_refuses_files_without_the_columns() -> None:
    import datasets

    rows = datasets.Dataset.from_dict({"prompt": ["a"], "policy": ["best_of_n"]})
    with pytest.raises(TrainingError, match="no column 'n_compared'"):
        check_best_of_n(rows, "tiny")


@pytest.mark.parametrize(
    ("method", "batch_size", "micro", "remedy"),
    [
        ("dpo", 2, 0, "micro_batch_size = 1,"),
        ("dpo", 12, 4, "micro_batch_size = 3,"),
        ("kto", 2, 0, "gradient_checkpointing"),
        ("kto", 4, 0, "micro_batch_size = 2,"),
        ("kto", 3, 3, "gradient_checkpointing"),
    ],
)
def test_the_remedy_for_full_memory_is_one_that_the_method_takes(
    method: str, batch_size: int, micro: int, remedy: str, tmp_path: Path
) -> None:
    settings = [f"training.method={method}", f"training.batch_size={batch_size}"]
    settings += [f"training.micro_batch_size={micro}"] if micro else []
    job = SimpleNamespace(config=load_config(None, settings).training, out=tmp_path)
    assert remedy in _no_memory(cast(Any, job), "the memory is full")
