"""What TRL itself does with the pairs, and that what is set up around it changes no number."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pairsmith.schemas.pair import Pair
from pairsmith.schemas.training import TrainingStep
from tests.training_kit import CONFIG, make_pair, write_pairs

pytest.importorskip("trl", reason="training needs pairsmith[train]")


def _pairs(folder: Path) -> Any:
    import datasets

    file = write_pairs(folder / "pairs.parquet", [make_pair(index) for index in range(4)])
    return datasets.load_dataset("parquet", data_files=str(file), split="train", cache_dir=str(folder / "cache"))


# TRL 1.16 passes gradient_checkpointing, which transformers 5.23 calls deprecated.
@pytest.mark.filterwarnings("ignore:`(is_)?gradient_checkpointing` is deprecated:FutureWarning")
def test_trl_takes_the_pairs_as_they_are(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    monkeypatch.setenv("CI", "1")  # no usage report
    pairs = _pairs(tmp_path)
    assert pairs.column_names == [field.name for field in fields(Pair)]
    tokenizer = AutoTokenizer.from_pretrained(model)
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(model),
        args=DPOConfig(output_dir=str(tmp_path / "out"), use_cpu=True, bf16=False, max_steps=1, report_to="none"),
        train_dataset=pairs,
        processing_class=tokenizer,
    )
    assert len(trainer.train_dataset) == 4
    row, pair = trainer.train_dataset[0], make_pair(0)
    assert tokenizer.decode(row["prompt_ids"]) == (
        f"<|im_start|>user\n{pair.prompt[0].content}<|im_end|>\n<|im_start|>assistant\n"
    )
    assert tokenizer.decode(row["chosen_ids"]) == f"{pair.chosen[0].content}<|im_end|>\n"
    assert tokenizer.decode(row["rejected_ids"]) == f"{pair.rejected[0].content}<|im_end|>\n"


def _train(model: Path, folder: Path) -> list[TrainingStep]:
    from pairsmith.pipeline.training.methods import METHODS
    from pairsmith.pipeline.training.start import load_start
    from pairsmith.pipeline.training.trainer import Setup, make_trainer, quiet
    from pairsmith.pipeline.training.watch import Expected, StepWatch

    steps: list[TrainingStep] = []
    with quiet():
        start = load_start(model, CONFIG, needs_reference=True)
        watch = StepWatch(Expected(0.6931, 0.1, start.precision), steps.append)
        rows = _pairs(folder).select_columns(["prompt", "chosen", "rejected"])
        setup = Setup(METHODS["dpo"], CONFIG, start, rows, 0, folder / "checkpoints", 4)
        make_trainer(setup, watch).train()
    return steps


def test_scoring_answers_only_changes_no_number(model: Path, tmp_path: Path) -> None:
    import trl.trainer.utils

    from pairsmith.pipeline.training.trainer import scored_answers_only

    original = trl.trainer.utils._use_triton
    (tmp_path / "all").mkdir()
    scored_all = _train(model, tmp_path / "all")
    (tmp_path / "answers").mkdir()
    with scored_answers_only():
        assert trl.trainer.utils._use_triton is not original
        scored_answers = _train(model, tmp_path / "answers")
    assert trl.trainer.utils._use_triton is original
    for one, other in zip(scored_all, scored_answers, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
        assert one.chosen_logprob == pytest.approx(other.chosen_logprob, rel=1e-5)


def test_bars_and_verbosity_are_as_they_were(model: Path) -> None:
    import datasets
    import transformers

    from pairsmith.pipeline.training.trainer import quiet

    def state() -> tuple[object, ...]:
        return (
            transformers.logging.get_verbosity(),
            transformers.logging.is_progress_bar_enabled(),
            datasets.are_progress_bars_disabled(),
        )

    before = state()
    within = []

    def interrupted() -> None:
        with quiet():
            within.append(state())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert within == [(transformers.logging.ERROR, False, True)]
    assert state() == before
