import json
import shutil
from pathlib import Path

import pytest

from pipeline.training.checks import TrainingError
from tests.training_kit import build_tiny_model

pytest.importorskip("trl", reason="training needs pairsmith[train]")


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    """A copy that a test may harm."""
    return Path(shutil.copytree(tiny, tmp_path / "tiny"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def _without(model: Path, *names: str) -> Path:
    path = model / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in settings.items() if key not in names}))
    return model


def test_the_start_is_a_model_in_float32_on_the_cpu(model: Path) -> None:
    from pipeline.training.start import load_start

    start = load_start(model, "cpu")
    assert (start.device, start.dtype, str(start.model.dtype)) == ("cpu", "float32", "torch.float32")
    assert start.tokenizer.pad_token == "<|endoftext|>"


def test_a_tokenizer_without_padding_pads_with_its_end_of_text(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from pipeline.training.start import load_tokenizer

    with caplog.at_level("INFO"):
        tokenizer = load_tokenizer(_without(model, "pad_token"))
    assert tokenizer.pad_token == tokenizer.eos_token == "<|im_end|>"
    assert "tiny: no padding token" in caplog.text


def test_a_tokenizer_without_padding_and_end_is_refused(model: Path) -> None:
    from pipeline.training.start import load_tokenizer

    with pytest.raises(TrainingError, match="neither a padding nor an end-of-text token"):
        load_tokenizer(_without(model, "pad_token", "eos_token"))


def test_a_tokenizer_without_a_chat_template_is_refused(model: Path) -> None:
    from pipeline.training.start import load_tokenizer

    (model / "chat_template.jinja").unlink()
    with pytest.raises(TrainingError, match=r"no chat template; add a chat_template\.jinja"):
        load_tokenizer(model)


def test_a_folder_without_a_tokenizer_is_refused(model: Path) -> None:
    from pipeline.training.start import load_tokenizer

    for file in model.glob("*token*"):
        file.unlink()
    with pytest.raises(TrainingError, match="tiny: no tokenizer: "):
        load_tokenizer(model)


def test_broken_weights_are_refused_in_one_line(model: Path) -> None:
    from pipeline.training.start import load_model

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
    from pipeline.training.start import choose_device

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
    from pipeline.training.start import choose_device

    _pretend(monkeypatch, n_gpus, bf16=True)
    with pytest.raises(TrainingError, match=message):
        choose_device(asked)


def _pretend(monkeypatch: pytest.MonkeyPatch, n_gpus: int, bf16: bool) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: n_gpus > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: n_gpus)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: bf16)
