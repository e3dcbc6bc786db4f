import json
import shutil
from pathlib import Path

import pytest

from pairsmith.pipeline.training.checks import TrainingError
from tests.training_kit import CONFIG

pytest.importorskip("trl", reason="training needs pairsmith[train]")


@pytest.fixture(name="model")
def _copy(model: Path, tmp_path: Path) -> Path:
    """A copy that a test may harm."""
    return Path(shutil.copytree(model, tmp_path / "tiny"))


def _without(model: Path, *names: str) -> Path:
    path = model / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in settings.items() if key not in names}))
    return model


def test_the_start_is_a_model_in_float32_on_the_cpu(model: Path) -> None:
    from pairsmith.pipeline.training.start import load_start

    start = load_start(model, CONFIG, needs_reference=True)
    assert (start.device, start.precision, str(start.model.dtype)) == ("cpu", "float32", "torch.float32")
    assert start.tokenizer.pad_token == "<|endoftext|>"


def test_a_tokenizer_without_padding_pads_with_its_end_of_text(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from pairsmith.pipeline.training.start import load_tokenizer

    with caplog.at_level("INFO"):
        tokenizer, _ = load_tokenizer(_without(model, "pad_token"))
    assert tokenizer.pad_token == tokenizer.eos_token == "<|im_end|>"
    assert "tiny: no padding token" in caplog.text


def test_a_tokenizer_without_padding_and_end_is_refused(model: Path) -> None:
    from pairsmith.pipeline.training.start import load_tokenizer

    with pytest.raises(TrainingError, match="neither a padding nor an end-of-text token"):
        load_tokenizer(_without(model, "pad_token", "eos_token"))


def test_a_tokenizer_without_a_chat_template_gets_one(model: Path) -> None:
    from pairsmith.pipeline.training.start import load_tokenizer

    assert load_tokenizer(model)[1] is False
    (model / "chat_template.jinja").unlink()
    tokenizer, is_new = load_tokenizer(model)
    assert is_new
    messages = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "two"}]
    asked = tokenizer.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
    assert asked == "Task:\n1 + 1?\n\nAnswer:\n"
    assert tokenizer.apply_chat_template(messages, tokenize=False) == asked + "two" + tokenizer.eos_token + "\n"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% for", "not a chat template"),
        ("{{ messages[0]['content'] }}", "a prompt must be the beginning"),
        ("{{ messages | length }}{{ messages[-1]['content'] }}", "a prompt must be the beginning"),
    ],
)
def test_a_chat_template_that_cannot_be_trained_with_is_refused(
    model: Path, tmp_path: Path, template: str, message: str
) -> None:
    from pairsmith.pipeline.training.start import load_tokenizer

    (tmp_path / "own.jinja").write_text(template)
    with pytest.raises(TrainingError, match=message):
        load_tokenizer(model, tmp_path / "own.jinja")
    with pytest.raises(TrainingError, match="absent: the chat template can't be read"):
        load_tokenizer(model, tmp_path / "absent")


def test_a_folder_without_a_tokenizer_is_refused(model: Path) -> None:
    from pairsmith.pipeline.training.start import load_tokenizer

    for file in model.glob("*token*"):
        file.unlink()
    with pytest.raises(TrainingError, match="tiny: no tokenizer: "):
        load_tokenizer(model)


def test_broken_weights_are_refused_in_one_line(model: Path) -> None:
    from pairsmith.pipeline.training.start import load_model

    (model / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(TrainingError, match=r"tiny: the model can't be loaded: ") as told:
        load_model(model, "float32")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("asked", "n_gpus", "bf16", "chosen"),
    [
        ("auto", 0, False, ("cpu", "float32")),
        ("cpu", 2, True, ("cpu", "float32")),
        ("auto", 1, True, ("cuda", "bfloat16")),
        ("cuda", 1, False, ("cuda", "float32")),
    ],
)
def test_the_device_is_chosen_by_what_is_there(
    monkeypatch: pytest.MonkeyPatch, asked: str, n_gpus: int, bf16: bool, chosen: tuple[str, str]
) -> None:
    from pairsmith.pipeline.training.start import choose_device

    _pretend(monkeypatch, n_gpus, bf16)
    assert choose_device(asked) == chosen


@pytest.mark.parametrize(
    ("asked", "n_gpus", "message"),
    [
        ("cuda", 0, "torch sees no GPU"),
        ("auto", 2, "CUDA_VISIBLE_DEVICES"),
        ("cuda", 2, "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_a_device_that_cannot_be_had_is_refused(
    monkeypatch: pytest.MonkeyPatch, asked: str, n_gpus: int, message: str
) -> None:
    from pairsmith.pipeline.training.start import choose_device

    _pretend(monkeypatch, n_gpus, bf16=True)
    with pytest.raises(TrainingError, match=message):
        choose_device(asked)


def _pretend(monkeypatch: pytest.MonkeyPatch, n_gpus: int, bf16: bool) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: n_gpus > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: n_gpus)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: bf16)
