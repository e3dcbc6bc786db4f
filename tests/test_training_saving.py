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


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_a_merged_model_is_base_and_adapter_in_the_bases_number_type(tmp_path: Path) -> None:
    import torch
    from peft import get_peft_model
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from pairsmith.pipeline.training.checks import TrainingError
    from pairsmith.pipeline.training.run import merge_adapter
    from pairsmith.pipeline.training.saving import lora_config, save_adapter

    tiny, base = build_tiny_model(tmp_path / "tiny"), tmp_path / "base"
    AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.bfloat16).save_pretrained(base)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(base)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), lora_config(CONFIG))
    torch.manual_seed(0)
    for name, value in model.named_parameters():
        if "lora_B" in name:
            value.data.normal_(std=0.02)
    model.save_pretrained(tmp_path / "checkpoint")
    save_adapter(tmp_path / "checkpoint", tmp_path / "adapter", base, "some/model")
    merge_adapter(base, tmp_path / "adapter", tmp_path / "merged", keeps_type=True)
    weights, added = (
        load_file(base / "model.safetensors"),
        load_file(tmp_path / "adapter/adapter_model.safetensors"),
    )
    whole, scale = load_file(tmp_path / "merged/model.safetensors"), CONFIG.lora_alpha / CONFIG.lora_rank
    assert {value.dtype for value in whole.values()} == {torch.bfloat16}
    assert json.loads((tmp_path / "merged/config.json").read_text())["dtype"] == "bfloat16"
    for name in (name for name in weights if name.endswith("proj.weight")):
        a, b = (
            added[f"base_model.model.{name.removesuffix('weight')}lora_{part}.weight"].double() for part in "AB"
        )
        expected = (weights[name].double() + scale * b @ a).to(torch.bfloat16)
        assert torch.allclose(whole[name], expected, rtol=2**-7, atol=0.0)  # one step of bfloat16
        assert not torch.equal(whole[name], weights[name])
    with pytest.raises(TrainingError, match="not a merged model"):
        merge_adapter(base, tmp_path / "adapter", tmp_path / "tiny", keeps_type=True)
    (tmp_path / "adapter/base_digest.txt").write_text("0" * 64)
    with pytest.raises(TrainingError, match="another base"):
        merge_adapter(base, tmp_path / "adapter", tmp_path / "other", keeps_type=True)
