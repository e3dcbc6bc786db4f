import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.progress import CHECKPOINTS, WHOLE, load_summary, read_log
from pairsmith.pipeline.training.run import train
from pairsmith.schemas.config import TrainingConfig
from pairsmith.schemas.training import TrainingStep
from tests.training_kit import CONFIG, interrupt_at, lengthen, make_pair, write_pairs

pytest.importorskip("trl", reason="training needs pairsmith[train]")

LN_2 = math.log(2)
N_PAIRS = 6


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [make_pair(index) for index in range(N_PAIRS)] + [make_pair(9, split="test")]
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.parquet", rows).parent


@pytest.fixture(scope="module")
def undisturbed(model: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("undisturbed")
    train(pairs, model, CONFIG, out, 0, lambda step: None)
    return out


def _losses(out: Path) -> list[tuple[float | None, ...]]:
    return [(step.loss, step.reward_margin, step.chosen_logprob) for step in read_log(out)]


def _saving(config: TrainingConfig, every: int) -> TrainingConfig:
    return config.model_copy(update={"checkpoint_steps": every})


def _weights(out: Path) -> bytes:
    return (out / "adapter" / "adapter_model.safetensors").read_bytes()


def _interrupt(model: Path, pairs: Path, out: Path) -> None:
    """Run to the third step, one behind a checkpoint."""
    with pytest.raises(KeyboardInterrupt):
        train(pairs, model, _saving(CONFIG, 2), out, 0, interrupt_at(3))


@pytest.mark.parametrize(("minutes", "steps"), [(1e-9, [1, 2, 3]), (60.0, [])])
def test_checkpoints_come_by_time(
    model: Path, pairs: Path, tmp_path: Path, undisturbed: Path, minutes: float, steps: list[int]
) -> None:
    """Only the newest two are kept, and the step that is interrupted has none."""
    config = CONFIG.model_copy(update={"checkpoint_minutes": minutes})
    with pytest.raises(KeyboardInterrupt):
        train(pairs, model, config, tmp_path, 0, interrupt_at(4))
    assert sorted(path.parent.name for path in tmp_path.glob(f"{CHECKPOINTS}/*/{WHOLE}")) == [
        f"checkpoint-{step}" for step in steps[-2:]
    ]
    train(pairs, model, CONFIG, tmp_path, 0, lambda step: None)
    assert _losses(tmp_path) == _losses(undisturbed)


def test_a_run_ends_with_adapter_log_and_summary(model: Path, pairs: Path, tmp_path: Path) -> None:
    seen: list[TrainingStep] = []
    summary = train(pairs, model, CONFIG, tmp_path / "out", 0, seen.append)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "adapter",
        "inputs.json",
        "log.jsonl",
        "plan.json",
        "result.json",
        "summary.json",
        "worked.json",
    ]
    assert (summary.method, summary.model) == ("dpo", "tiny")
    assert (summary.n_pairs, summary.n_too_long) == (N_PAIRS, 0)
    assert summary.first_loss == pytest.approx(LN_2, abs=1e-6)
    assert list(summary.steps) == seen == read_log(tmp_path / "out")
    assert [step.step for step in seen] == [1, 2, 3, 4]
    assert [step.learning_rate for step in seen] == pytest.approx([1e-2, 7.5e-3, 5e-3, 2.5e-3])
    assert load_summary(tmp_path / "out") == summary


def test_training_prefers_the_chosen_answers(undisturbed: Path) -> None:
    first, *_, last = read_log(undisturbed)
    assert (first.reward_margin, first.reward_accuracy) == (0.0, 0.0)
    assert last.loss < first.loss - 0.01
    assert last.reward_margin is not None
    assert last.reward_margin > 0.01
    assert last.reward_accuracy == 1.0


def test_no_path_of_this_machine_is_kept(undisturbed: Path, model: Path, pairs: Path) -> None:
    for file in undisturbed.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for path in (undisturbed, model, pairs, Path.cwd()):
                assert str(path).encode() not in content, file.name


# peft 0.21 reads a name that transformers 5.23 calls deprecated.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_the_adapter_reloads_and_samples(undisturbed: Path, model: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    base = AutoModelForCausalLM.from_pretrained(model)
    pair = make_pair(0)

    def log_ratio_gap(policy: Any) -> float:
        """Return log p(chosen) - log p(rejected), the prompt's part of which cancels."""
        return _logprob(policy, tokenizer, pair.chosen[0].content) - _logprob(
            policy, tokenizer, pair.rejected[0].content
        )

    before = log_ratio_gap(base)
    policy = PeftModel.from_pretrained(base, undisturbed / "adapter")
    assert log_ratio_gap(policy) - before > 0.1
    prompt = tokenizer("def", return_tensors="pt")
    drawn = policy.generate(**prompt, max_new_tokens=4, do_sample=True)
    assert drawn.shape[1] > prompt["input_ids"].shape[1]
    assert torch.isfinite(policy(**prompt).logits).all()


def _logprob(policy: Any, tokenizer: Any, answer: str) -> float:
    import torch

    messages = [{"role": "user", "content": make_pair(0).prompt[0].content}]
    messages.append({"role": "assistant", "content": answer})
    tokens = tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=True)["input_ids"]
    with torch.no_grad():
        logits = policy(input_ids=tokens).logits[0, :-1].log_softmax(-1)
    return float(logits.gather(1, tokens[0, 1:, None]).sum())


def test_the_same_inputs_give_the_same_adapter(
    undisturbed: Path, model: Path, pairs: Path, tmp_path: Path
) -> None:
    train(pairs, model, CONFIG, tmp_path, 0, lambda step: None)
    assert _losses(tmp_path) == _losses(undisturbed)
    for name in ("adapter_model.safetensors", "adapter_config.json", "base_digest.txt"):
        assert (tmp_path / "adapter" / name).read_bytes() == (undisturbed / "adapter" / name).read_bytes()


def test_another_seed_gives_another_adapter(undisturbed: Path, model: Path, pairs: Path, tmp_path: Path) -> None:
    train(pairs, model, CONFIG, tmp_path, 1, lambda step: None)
    assert _weights(tmp_path) != _weights(undisturbed)


def test_a_run_that_is_done_is_not_run_again(
    undisturbed: Path, model: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("pairsmith.pipeline.training.work.do_steps")
    seen: list[TrainingStep] = []
    summary = train(pairs, model, CONFIG, undisturbed, 0, seen.append)
    assert summary == load_summary(undisturbed)
    assert seen == list(summary.steps)


def test_an_interrupted_run_goes_on_to_the_same_losses(
    undisturbed: Path, model: Path, pairs: Path, tmp_path: Path
) -> None:
    _interrupt(model, pairs, tmp_path)
    assert load_summary(tmp_path) is None
    assert not (tmp_path / "adapter").exists()
    assert (tmp_path / CHECKPOINTS / "checkpoint-2" / WHOLE).is_file()
    first_two = read_log(tmp_path)[:2]
    seen: list[TrainingStep] = []
    train(pairs, model, _saving(CONFIG, 2), tmp_path, 0, seen.append)
    assert seen[:2] == first_two  # its seconds too: these steps were not done again
    assert _losses(tmp_path) == _losses(undisturbed)
    assert _weights(tmp_path) == _weights(undisturbed)


def test_a_torn_checkpoint_is_not_gone_on_from(
    undisturbed: Path, model: Path, pairs: Path, tmp_path: Path
) -> None:
    _interrupt(model, pairs, tmp_path)
    (tmp_path / CHECKPOINTS / "checkpoint-2" / WHOLE).unlink()
    (tmp_path / CHECKPOINTS / "checkpoint-2" / "optimizer.pt").unlink()
    train(pairs, model, CONFIG, tmp_path, 0, lambda step: None)
    assert _weights(tmp_path) == _weights(undisturbed)


def test_a_run_killed_before_its_adapter_is_saved_does_no_step_twice(
    undisturbed: Path, model: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pairsmith.pipeline.training.saving.save_adapter", die)
        with pytest.raises(KeyboardInterrupt):
            train(pairs, model, CONFIG, tmp_path, 0, lambda step: None)
    before = read_log(tmp_path)
    train(pairs, model, CONFIG, tmp_path, 0, lambda step: None)
    assert read_log(tmp_path) == before
    assert _weights(tmp_path) == _weights(undisturbed)


KILLED_AT_STEP_3 = """
import os, signal, sys
from pathlib import Path
from pairsmith.pipeline.training.run import train
from tests.training_kit import CONFIG
def kill(step):
    if step.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
pairs, model, out = map(Path, sys.argv[1:])
train(pairs, model, CONFIG.model_copy(update={"checkpoint_steps": 2}), out, 0, kill)
"""


def test_a_killed_run_goes_on_to_the_same_adapter(
    undisturbed: Path, model: Path, pairs: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED_AT_STEP_3, str(pairs), str(model), str(tmp_path)]
    root = str(Path(__file__).parents[1])
    killed = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": root}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(read_log(tmp_path)) == 3
    train(pairs, model, CONFIG, tmp_path, 0, lambda step: None)
    assert _weights(tmp_path) == _weights(undisturbed)


def test_a_run_with_other_inputs_starts_afresh(model: Path, pairs: Path, tmp_path: Path) -> None:
    one_step = CONFIG.model_copy(update={"max_steps": 1})
    train(pairs, model, one_step, tmp_path, 0, lambda step: None)
    old = _weights(tmp_path)
    summary = train(pairs, model, one_step, tmp_path, 1, lambda step: None, model_name="another")
    assert [step.step for step in summary.steps] == [1]
    assert summary.model == "another"
    assert _weights(tmp_path) != old


def test_pairs_over_the_length_are_counted(model: Path, tmp_path: Path) -> None:
    rows = [make_pair(index) for index in range(4)] + [lengthen(make_pair(index), 200) for index in (5, 6, 7)]
    file = write_pairs(tmp_path / "pairs.parquet", rows)
    one_step = CONFIG.model_copy(update={"max_steps": 1})
    summary = train(file.parent, model, one_step, tmp_path / "out", 0, lambda step: None)
    assert (summary.n_pairs, summary.n_too_long) == (4, 3)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good(
    model: Path, pairs: Path, tmp_path: Path
) -> None:
    wild = CONFIG.model_copy(update={"learning_rate": 1e20})
    with pytest.raises(TrainingError, match=r"step 2: the loss is nan; lower training\.learning_rate"):
        train(pairs, model, _saving(wild, 1), tmp_path, 0, lambda step: None)
    assert [path.name for path in (tmp_path / CHECKPOINTS).iterdir()] == ["checkpoint-1"]
    assert [step.step for step in read_log(tmp_path)] == [1]
    assert load_summary(tmp_path) is None


def test_a_reference_that_is_not_the_start_is_refused(
    model: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairsmith.pipeline.training import saving

    def start_off_zero(config: TrainingConfig) -> Any:
        adapter = saving.lora_config(config)
        adapter.init_lora_weights = False  # peft then draws B at random too
        return adapter

    monkeypatch.setattr("pairsmith.pipeline.training.trainer.lora_config", start_off_zero)
    with pytest.raises(TrainingError, match=r"is not ln 2 .* reference is not the start"):
        train(pairs, model, _saving(CONFIG, 1), tmp_path, 0, lambda step: None)
    assert not list((tmp_path / CHECKPOINTS).glob("*"))
    assert read_log(tmp_path) == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "0 pairs of the train split"),
        ([make_pair(1)], "1 pairs of the train split"),
        ([make_pair(index, "test") for index in range(4)], "0 pairs of the train split"),
        ([lengthen(make_pair(index), 200) for index in range(4)], "4 are too long"),
    ],
)
def test_too_few_pairs_leave_an_earlier_run_alone(
    undisturbed: Path, model: Path, tmp_path: Path, rows: list[Any], message: str
) -> None:
    before = load_summary(undisturbed)
    file = write_pairs(tmp_path / "pairs.parquet", rows)
    with pytest.raises(TrainingError, match=message):
        train(file.parent, model, CONFIG, undisturbed, 0, lambda step: None)
    assert load_summary(undisturbed) == before


def test_nothing_is_reported_to_anyone(
    model: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    sent: list[object] = []
    monkeypatch.delenv("CI", raising=False)  # TRL is silent in CI by itself
    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", lambda **told: sent.append(told))
    train(pairs, model, CONFIG.model_copy(update={"max_steps": 1}), tmp_path, 0, lambda step: None)
    assert sent == []
    assert capfd.readouterr() == ("", "")


def test_a_missing_package_is_named_with_its_extra(
    model: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pairsmith.pipeline.training.run.find_spec", lambda name: None if name == "trl" else object()
    )
    with pytest.raises(TrainingError, match=r"package 'trl'; pip install 'pairsmith\[train\]'"):
        train(pairs, model, CONFIG, tmp_path, 0, lambda step: None)


@pytest.mark.parametrize(
    ("free_mib", "fault", "told", "message"),
    [
        (3, OSError(28, "No space left on device"), TrainingError, "3 MiB of disk space left; free some"),
        (3, RuntimeError("unexpected pos 64 vs 0"), TrainingError, "3 MiB of disk space left"),
        (9999, OSError(5, "Input/output error"), OSError, "Input/output error"),
        (9999, "full GPU", TrainingError, r"set training\.micro_batch_size = 1"),
    ],
)
def test_limits_of_the_machine_are_told_with_the_remedy(
    model: Path,
    pairs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    free_mib: int,
    fault: Any,
    told: type[Exception],
    message: str,
) -> None:
    import torch

    def fail(step: TrainingStep) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory") if fault == "full GPU" else fault

    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free_mib << 20))
    with pytest.raises(told, match=message):
        train(pairs, model, CONFIG, tmp_path, 0, fail)


@pytest.mark.model
@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_the_embedded_model_trains(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    from pairsmith.pipeline.sampling.models import embedded_model

    folder = embedded_model(tmp_path_factory.getbasetemp() / "models", lambda line: None)
    file = write_pairs(tmp_path / "pairs.parquet", [make_pair(index) for index in range(4)])
    config = TrainingConfig(batch_size=2, max_steps=2, device="cpu")
    summary = train(file.parent, folder, config, tmp_path / "out", 0, lambda step: None, model_name="smollm2")
    assert summary.first_loss == pytest.approx(LN_2, abs=1e-6)
    assert summary.n_too_long == 0
    assert summary.steps[1].loss != summary.first_loss
    assert replace(summary.steps[0], wall_s=0.0).reward_margin == 0.0
