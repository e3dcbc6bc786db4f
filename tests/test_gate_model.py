"""The gate on a real model: SmolLM2 with an adapter that does harm."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from pairsmith.pipeline.evaluation.gate import read_gate
from tests.cli_kit import run_pairsmith

pytestmark = [
    pytest.mark.model,
    pytest.mark.nightly,
    pytest.mark.skipif(find_spec("peft") is None, reason="needs the extra [train]"),
]
CACHE = Path.home() / ".cache" / "pairsmith"


def make_harmful_adapter(base: Path, folder: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    settings = LoraConfig(r=4, target_modules=["v_proj", "down_proj"], init_lora_weights=False)
    adapted = get_peft_model(model, settings)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=3.0)
    adapted.save_pretrained(str(folder))


@pytest.mark.filterwarnings("ignore:`(is_)?gradient_checkpointing` is deprecated")
def test_the_gate_refuses_a_harmed_adapter(tmp_path: Path, home: Path) -> None:
    from pairsmith.pipeline.sampling.models import embedded_model

    make_harmful_adapter(embedded_model(CACHE, print), tmp_path / "harmed")
    settings = [
        f"run={tmp_path / 'run'}", 'problems.levels=["trivial"]', "problems.limit=18", "pairs.test_share=1.0",
        "scoring.n=3", "scoring.k=[1]", "scoring.greedy=false", "sampling.max_tokens=48",
        "sandbox.backend=bubblewrap", f"sampling.store={tmp_path / 'samples.sqlite'}",
    ]  # fmt: skip
    options = [part for setting in settings for part in ("--set", setting)]
    done = run_pairsmith("evaluate", "--adapter", tmp_path / "harmed", *options, "--cache", CACHE, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    gate = read_gate(tmp_path / "run")
    assert gate is not None
    assert "pass@1" in [check.name for check in gate.refusals()], done.stdout
    assert "gate        pass@1: held-out pass@1 fell" in done.stdout
