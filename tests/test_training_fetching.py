"""What has to be fetched from the Hub, and can't be."""

from pathlib import Path

import pytest

from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.reading import fetch


def test_a_hub_that_cannot_be_reached_names_what_was_wanted_and_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(TrainingError, match=r"^nobody/nothing: .* this model can't be fetched") as told:
        fetch("nobody/nothing", "model", None, "training.start")
    assert "give a folder in training.start" in str(told.value)
    assert "internet connection" not in str(told.value)  # the cause, not the Hub's guess


def test_what_is_no_name_of_the_hub_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"a b/c: no such folder, and this dataset can't be fetched"):
        fetch("a b/c", "dataset", "main", "training.dataset")
