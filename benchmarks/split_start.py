"""Memory of each process while a start of random weights is loaded and split, under FSDP or ZeRO-3.

    python -m benchmarks.split_start
    python -m benchmarks.split_start --layers 32 --hidden 4096 --no-split
    python -m benchmarks.split_start --config zero3 --processes 4

The processes meet by gloo and hold their shares in main memory, since there is no GPU: what they hold after the
split would be on GPUs. `anonymous` is memory that only the process has; `all` counts pages of the mapped files
too, which the kernel may drop. The default is a shape of a billion weights; the second command makes one of
6.7 billion (Llama 2 7B), 13.5 GB of files below `--out`. ZeRO-3 splits while it reads, and needs DeepSpeed.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VOCABULARY = 32_000
_SETTINGS = Path(__file__).parents[1] / "data" / "accelerate"


def main() -> None:
    """Make the weights, then start the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--tuning", choices=("lora", "full"), default="lora")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--config", choices=("fsdp", "zero3"), default="fsdp")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--no-split", action="store_true", help="only load")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "pairsmith-split")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = given.out / f"{given.layers}x{given.hidden}"
    if given.worker:
        load(folder, given.tuning, given.precision, given.config, not given.no_split)
        return
    if not (folder / "config.json").exists():
        make_weights(folder, given.layers, given.hidden)
    import yaml

    settings = yaml.safe_load((_SETTINGS / f"{given.config}.yaml").read_text(encoding="utf-8"))
    if given.config == "fsdp":
        variables = {name.upper(): str(value) for name, value in settings["fsdp_config"].items()}
        variables["ACCELERATE_USE_FSDP"] = "true"
    else:
        own = settings["deepspeed_config"]
        names = {"zero_stage": "ZERO_STAGE", "zero3_init_flag": "ZERO3_INIT"}
        variables = {f"ACCELERATE_DEEPSPEED_{names[name]}": str(own[name]) for name in names}
        variables |= {"ACCELERATE_USE_DEEPSPEED": "true", "DS_ACCELERATOR": "cpu"}
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={given.processes}"]
    command += ["-m", "benchmarks.split_start", "--worker", *sys.argv[1:]]
    subprocess.run(command, check=True, env={**os.environ, **variables})


def make_weights(folder: Path, n_layers: int, hidden: int) -> None:
    """Write a Llama of random weights in bfloat16, a file a layer; equal shapes have equal weights."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    from pairsmith.flows.cli.shared import default_cache
    from pairsmith.pipeline.sampling.models import embedded_model

    inner = {2048: 5632, 4096: 11008}.get(hidden, 4 * hidden)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=n_layers,
        num_attention_heads=hidden // 128, num_key_value_heads=hidden // 128, dtype="bfloat16",
        architectures=["LlamaForCausalLM"],
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in LlamaForCausalLM(config).state_dict().items()}
    files: dict[str, list[str]] = {}
    for name in shapes:
        part = name.split(".")[2] if ".layers." in name else "rest"
        files.setdefault(f"model-{part}.safetensors", []).append(name)
    drawn = {shape: torch.empty(shape, dtype=torch.bfloat16).normal_(std=0.02) for shape in set(shapes.values())}
    for file, names in files.items():
        tensors = {name: drawn[shapes[name]].clone() for name in names}
        save_file(tensors, str(folder / file), metadata={"format": "pt"})
    total = 2 * sum(shape.numel() for shape in shapes.values())
    index = {"metadata": {"total_size": total}, "weight_map": {n: f for f, names in files.items() for n in names}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    for path in embedded_model(default_cache(), print).glob("*token*"):
        shutil.copy(path, folder)
    config.save_pretrained(folder)


def load(folder: Path, tuning: str, precision: str, kind: str, splits: bool) -> None:
    """Load a start as one of several processes, and print what memory it takes."""
    from accelerate import Accelerator, PartialState, state
    from accelerate.utils.fsdp_utils import fsdp2_prepare_model

    from pairsmith.pipeline.training.start import load_start
    from pairsmith.schemas.config import TrainingConfig

    if kind == "zero3":
        importlib.import_module("deepspeed").init_distributed("gloo")
    PartialState(cpu=True)
    print_memory("libraries")
    config = TrainingConfig(tuning=tuning, precision=precision, device="cpu")
    start = load_start(folder, config, needs_reference=tuning == "full")
    print_memory("start loaded")
    if kind == "zero3":
        shares = [getattr(value, "ds_tensor", value).numel() for value in start.model.parameters()]
        print(f"process {os.environ['RANK']}: holds {sum(shares) / 1e6:.0f} million weights", flush=True)
    elif splits:
        # accelerate has FSDP for GPUs alone, torch for CPUs too.
        PartialState().distributed_type = state.DistributedType.MULTI_GPU
        made = Accelerator(mixed_precision="bf16")
        for model in (start.model, start.reference):
            if model is not None:
                model.requires_grad_(tuning == "full" and model is start.model)
                fsdp2_prepare_model(made, model)
                print_memory("split")
    PartialState().wait_for_everyone()
    PartialState().destroy_process_group()


def print_memory(what: str) -> None:
    """Print what memory this process holds, and held at most."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if "kB" in rest}
    rank = os.environ["RANK"]
    gib = {name: kib[key] / 2**20 for name, key in (("anonymous", "RssAnon"), ("all", "VmRSS"), ("peak", "VmHWM"))}
    figures = ", ".join(f"{name} {value:.2f} GiB" for name, value in gib.items())
    print(f"process {rank}, {what}: {figures}", flush=True)


if __name__ == "__main__":
    main()
