import json
from pathlib import Path

import pytest

from tests.training_kit import CONFIG, build_tiny_model

pytest.importorskip("trl", reason="training needs pairsmith[train]")


# peft 0.21 reads a name that transformers 5.23 calls deprecated.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_the_adapter_covers_the_linear_layers_and_starts_at_zero(tmp_path: Path) -> None:
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from pairsmith.pipeline.training.saving import lora_config, save_adapter

    base = AutoModelForCausalLM.from_pretrained(build_tiny_model(tmp_path / "tiny"))
    model = get_peft_model(base, lora_config(CONFIG))
    layers = {name: weights for name, weights in model.named_parameters() if "lora_" in name}
    assert len(layers) == 2 * 2 * 7  # A and B of seven matrices in each of two layers
    assert not any("lm_head" in name for name in layers)
    assert all(bool((weights == 0).all()) == ("lora_B" in name) for name, weights in layers.items())
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "stale.txt").touch()
    model.save_pretrained(tmp_path / "checkpoint")
    save_adapter(tmp_path / "checkpoint", tmp_path / "adapter", tmp_path / "tiny", "some/model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "checkpoint", "tiny"]
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "base_digest.txt",
    ]
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == "some/model"
    targets = settings["target_modules"]
    assert targets == sorted(targets)
    layers_by_name = {name.rpartition(".")[2] for name in targets}
    assert layers_by_name == {f"{part}_proj" for part in ("q", "k", "v", "o", "gate", "up", "down")}
    assert (settings["r"], settings["lora_alpha"], settings["lora_dropout"]) == (4, 8, 0.0)
