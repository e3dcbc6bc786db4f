from pathlib import Path

import pytest

from pairsmith.pipeline.sampling.models import checked_adapter, digest_folder, resolve_model
from pairsmith.pipeline.sampling.protocol import SamplingError
from pairsmith.schemas.config.sampling import SamplingConfig


def make_folder(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_a_folder_is_named_by_its_last_name_and_its_digest(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "mine")
    model = resolve_model(SamplingConfig(model=str(folder) + "/"), tmp_path, print)
    assert (model.name, model.revision) == ("mine", digest_folder(folder))
    assert str(tmp_path) not in model.name + model.revision


def test_a_hub_name_stays_as_it_is(tmp_path: Path) -> None:
    model = resolve_model(SamplingConfig(model="Qwen/Qwen2.5-0.5B", revision="abc"), tmp_path, print)
    assert (model.source, model.name, model.revision, model.hub_revision) == (
        "Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B", "abc", "abc",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("missing", "reason"), [("config.json", "no config.json"), ("model.safetensors", "no weights")]
)
def test_a_folder_that_is_no_model_is_named_with_the_reason(tmp_path: Path, missing: str, reason: str) -> None:
    folder = make_folder(tmp_path / "mine")
    (folder / missing).unlink()
    with pytest.raises(SamplingError, match=f"mine: not a model folder .{reason}") as caught:
        resolve_model(SamplingConfig(model=str(folder)), tmp_path, print)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["./gone", "/gone/model", "a/b/gone", "~/gone-model"])
def test_a_path_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SamplingError, match="no such model folder"):
        resolve_model(SamplingConfig(model=name), tmp_path, print)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(SamplingError, match=r"model\.gguf: no such model folder"):
        resolve_model(SamplingConfig(model=str(tmp_path / "model.gguf")), tmp_path, print)


def test_an_adapter_folder_must_hold_one(tmp_path: Path) -> None:
    with pytest.raises(SamplingError, match="not an adapter folder"):
        checked_adapter(make_folder(tmp_path / "mine"))


def test_the_digest_follows_weights_and_names_but_not_the_place_or_config(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a")
    digest = digest_folder(folder)
    assert digest_folder(make_folder(tmp_path / "b")) == digest
    (folder / "config.json").write_text('{"transformers_version": "9"}')
    assert digest_folder(folder) == digest
    assert digest_folder(make_folder(tmp_path / "c", b"weightS")) != digest
    (folder / "tokenizer.json").write_text("{}")
    assert digest_folder(folder) != digest


def test_large_weights_are_digested_by_pieces_over_the_whole_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairsmith.pipeline.sampling.models._SMALL_BYTES", 100)
    monkeypatch.setattr("pairsmith.pipeline.sampling.models._PIECE_BYTES", 2)
    weights = bytearray(range(256)) * 2
    digest = digest_folder(make_folder(tmp_path / "a", bytes(weights)))
    for i, place in enumerate((0, len(weights) - 1, (len(weights) - 2) * 20 // 63)):
        changed = weights.copy()
        changed[place] ^= 1
        assert digest_folder(make_folder(tmp_path / f"b{i}", bytes(changed))) != digest
