"""Starts and ways to train, end to end on a tiny model: what the report of a run must be able to rely on."""

import json
import math
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pairsmith.pipeline.sampling import open_sampler
from pairsmith.pipeline.sampling.protocol import Drawn, Opening, Request
from pairsmith.pipeline.training.checks import TrainingError, is_displaced
from pairsmith.pipeline.training.launch import launch_command
from pairsmith.pipeline.training.methods import METHODS, check_arguments, knobs
from pairsmith.pipeline.training.progress import CHECKPOINTS, read_log
from pairsmith.pipeline.training.run import result_of, train
from pairsmith.pipeline.training.trainer import split_batch
from pairsmith.schemas.config import TrainingConfig, load_config
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.config.training import LaunchConfig
from pairsmith.schemas.training import TrainingStep
from tests.training_kit import CONFIG, STEP, interrupt_at, lengthen, make_pair, write_pairs

pytest.importorskip("trl", reason="training needs pairsmith[train]")

LN_2 = math.log(2)
PRESETS = Path(__file__).parents[1] / "data" / "presets"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [make_pair(index, "train" if index < 6 else "test") for index in range(10)]
    return write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.parquet", rows).parent


@pytest.fixture(scope="module")
def plain(model: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of DPO with an adapter."""
    out = tmp_path_factory.mktemp("plain")
    _train(pairs, model, out)
    return out


def _train(pairs: Path, model: Path, out: Path, **changes: Any) -> list[TrainingStep]:
    summary = train(pairs, model, CONFIG.model_copy(update=changes), out, 0, lambda step: None)
    return list(summary.steps)


def _losses(steps: list[TrainingStep]) -> list[float]:
    return [step.loss for step in steps]


def test_a_split_of_the_step_changes_no_step(pairs: Path, model: Path, plain: Path, tmp_path: Path) -> None:
    halves = _train(pairs, model, tmp_path, micro_batch_size=1)
    assert _losses(halves) == pytest.approx(_losses(read_log(plain)), rel=1e-4)


def test_a_run_without_memory_goes_on_with_a_smaller_part(pairs: Path, model: Path, tmp_path: Path) -> None:
    import torch

    def full(step: TrainingStep) -> None:
        if step.step == 3:
            raise torch.OutOfMemoryError("CUDA out of memory")

    config = CONFIG.model_copy(update={"checkpoint_steps": 2})
    with pytest.raises(
        TrainingError, match=r"micro_batch_size = 1, .*checkpoint-2 is kept, and the next run continues"
    ):
        train(pairs, model, config, tmp_path, 0, full)
    first_two = read_log(tmp_path)[:2]
    smaller = config.model_copy(update={"micro_batch_size": 1})
    assert train(pairs, model, smaller, tmp_path, 0, lambda step: None).steps[:2] == tuple(first_two)


def test_processes_that_make_batches_change_no_step(pairs: Path, model: Path, plain: Path, tmp_path: Path) -> None:
    beside = _train(pairs, model, tmp_path, extra={"dataloader_num_workers": 1}, max_steps=2)
    assert _losses(beside) == _losses(read_log(plain))[:2]


def test_packed_answers_of_sft_do_not_see_each_other(pairs: Path, model: Path, tmp_path: Path) -> None:
    """All rows in one sequence give loss and gradient of the same rows apart."""
    sft = {"method": "sft", "max_steps": 2, "max_length": 500}
    apart = _train(pairs, model, tmp_path / "apart", batch_size=6, **sft)
    packed = _train(pairs, model, tmp_path / "packed", batch_size=1, extra={"packing": True}, **sft)
    assert _losses(packed) == pytest.approx(_losses(apart), rel=1e-4)
    assert [step.gradient_norm for step in packed] == pytest.approx(
        [step.gradient_norm for step in apart], rel=1e-3
    )
    with pytest.raises(TrainingError, match=r"packed, the rows fill 1 sequences .*batch_size = 2"):
        _train(pairs, model, tmp_path / "few", batch_size=2, extra={"packing": True}, **sft)


def _write(folder: Path, weights: list[float]) -> Path:
    rows = [replace(make_pair(index), weight=weight) for index, weight in enumerate(weights)]
    folder.mkdir()
    return write_pairs(folder / "pairs.parquet", rows).parent


def test_weights_of_pairs_reach_the_loss(model: Path, tmp_path: Path) -> None:
    """At the first step a pair's loss is ln 2 times its weight; pairs of weight 0 leave the adapter as it was."""
    half = _train(_write(tmp_path / "half", [0.5] * 4), model, tmp_path / "half-run", max_steps=2)
    assert half[0].loss == pytest.approx(0.5 * LN_2, rel=1e-4)
    whole = _train(_write(tmp_path / "whole", [1.0] * 4), model, tmp_path / "whole-run", max_steps=2)
    assert whole[0].gradient_norm is not None
    assert half[0].gradient_norm == pytest.approx(0.5 * whole[0].gradient_norm, rel=1e-3)
    nothing = _train(_write(tmp_path / "none", [0.0] * 4), model, tmp_path / "none-run", max_steps=2)
    assert [(step.loss, step.gradient_norm) for step in nothing] == [(0.0, 0.0)] * 2


def test_smoothed_labels_train_dpo(pairs: Path, model: Path, plain: Path, tmp_path: Path) -> None:
    smooth, sharp = _train(pairs, model, tmp_path, label_smoothing=0.4), read_log(plain)
    assert smooth[0].loss == pytest.approx(LN_2, rel=1e-4)
    assert smooth[0].gradient_norm is not None
    assert sharp[0].gradient_norm is not None
    assert smooth[0].gradient_norm == pytest.approx(0.2 * sharp[0].gradient_norm, rel=1e-2)  # 1 - 2 * 0.4


def test_a_model_is_saved_in_the_number_type_of_its_training(pairs: Path, model: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    _train(pairs, model, tmp_path, tuning="full", precision="bfloat16", max_steps=1, learning_rate=1e-4)
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.bfloat16}
    assert json.loads((tmp_path / "model" / "config.json").read_text())["dtype"] == "bfloat16"
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype="auto").dtype == torch.bfloat16


def test_an_adapter_goes_on_with_its_copy_as_reference_and_resumes(
    pairs: Path, model: Path, plain: Path, tmp_path: Path
) -> None:
    more = {"adapter": plain / "adapter", "checkpoint_steps": 1}
    whole = _train(pairs, model, tmp_path / "whole", **more)
    assert whole[0].loss == pytest.approx(LN_2, abs=1e-6)
    assert whole[0].chosen_logprob != read_log(plain)[0].chosen_logprob  # it starts where the adapter ended
    with pytest.raises(KeyboardInterrupt):
        train(pairs, model, CONFIG.model_copy(update=more), tmp_path / "cut", 0, interrupt_at(3))
    assert _losses(_train(pairs, model, tmp_path / "cut", **more)) == _losses(whole)


@pytest.mark.parametrize("harm", ["digest", "name", "shape", "kind"])
def test_an_adapter_for_another_base_is_refused(
    harm: str, pairs: Path, model: Path, plain: Path, tmp_path: Path
) -> None:
    adapter = Path(shutil.copytree(plain / "adapter", tmp_path / "adapter"))
    settings = json.loads((adapter / "adapter_config.json").read_text())
    if harm == "digest":
        (adapter / "base_digest.txt").write_text("0" * 16)
    else:
        (adapter / "base_digest.txt").unlink()
    if harm == "name":
        settings["base_model_name_or_path"] = "/somewhere/another"
    elif harm == "shape":
        settings["r"] = 8
    elif harm == "kind":
        settings["peft_type"] = "IA3"
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    with pytest.raises(
        TrainingError, match="only LoRA can be continued" if harm == "kind" else "an adapter for another base"
    ):
        _train(pairs, model, tmp_path / "out", adapter=adapter)


def test_full_fine_tuning_writes_a_model_that_starts_a_run(pairs: Path, model: Path, tmp_path: Path) -> None:
    steps = _train(pairs, model, tmp_path / "full", tuning="full", learning_rate=1e-3)
    assert steps[0].loss == pytest.approx(LN_2, abs=1e-6)
    base, adapter = result_of(tmp_path / "full")
    assert base is not None
    assert adapter is None
    assert {"README.md", "chat_template.jinja", "config.json", "model.safetensors"} <= {
        path.name for path in base.iterdir()
    }
    assert str(tmp_path) not in (base / "config.json").read_text()
    assert _train(pairs, base, tmp_path / "next")[0].loss == pytest.approx(LN_2, abs=1e-6)


def test_a_base_model_gets_a_chat_template_and_is_sampled_with_it(
    pairs: Path, model: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    base = Path(shutil.copytree(model, tmp_path / "base"))
    (base / "chat_template.jinja").unlink()
    _train(pairs, base, tmp_path / "out", max_steps=1)
    assert not (base / "chat_template.jinja").exists()
    assert "Answer:" in AutoTokenizer.from_pretrained(tmp_path / "out" / "adapter").chat_template
    sampling = SamplingConfig(model=str(base), adapter=tmp_path / "out" / "adapter", backend="transformers")
    sampler = open_sampler(sampling, tmp_path, None, lambda line: None)
    asked = Request("0" * 32, "p", 0, Opening("chat", "Add two numbers."), "add", 0.0, 1.0, 3, 0)
    (drawn,) = sampler.sample([asked])
    assert isinstance(drawn, Drawn)
    prompt = AutoTokenizer.from_pretrained(model)("Task:\nAdd two numbers.\n\nAnswer:\n")["input_ids"]
    assert drawn.n_prompt_tokens == len(prompt)


def test_qlora_without_bitsandbytes_is_refused(
    pairs: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairsmith.pipeline.training.start.importlib.util.find_spec", lambda name: None)
    with pytest.raises(TrainingError, match="qlora needs bitsandbytes; pip install bitsandbytes, or use lora"):
        _train(pairs, model, tmp_path, tuning="qlora")


def test_gradient_checkpointing_and_bfloat16_train(pairs: Path, model: Path, tmp_path: Path) -> None:
    steps = _train(pairs, model, tmp_path, gradient_checkpointing=True, precision="bfloat16", max_steps=2)
    assert steps[0].loss == pytest.approx(LN_2, abs=2e-2)


def test_a_reference_that_is_computed_first_gives_the_same_losses(
    pairs: Path, model: Path, plain: Path, tmp_path: Path
) -> None:
    first = _train(pairs, model, tmp_path / "dpo", precompute_reference=True)
    assert _losses(first) == pytest.approx(_losses(read_log(plain)), rel=1e-4)
    second = _train(pairs, model, tmp_path / "kto", precompute_reference=True, method="kto", max_steps=2)
    assert len(second) == 2


def test_rows_over_the_limit_are_counted(model: Path, tmp_path: Path) -> None:
    long_prompt = replace(make_pair(5), prompt=(replace(make_pair(5).prompt[0], content="word " * 200),))
    rows = [*(make_pair(index) for index in range(4)), long_prompt, lengthen(make_pair(6), 200)]
    folder = write_pairs(tmp_path / "pairs.parquet", rows).parent
    summary = train(
        folder, model, CONFIG.model_copy(update={"max_steps": 1}), tmp_path / "out", 0, lambda step: None
    )
    assert (summary.n_pairs, summary.n_too_long) == (4, 2)


def test_the_card_says_what_it_was_trained_on(plain: Path, pairs: Path) -> None:
    text = (plain / "adapter" / "README.md").read_text()
    head = json.loads(text.split("---\n")[1])
    assert head["library_name"] == "peft"
    for words in ("Rafailov et al. 2023", "| beta | 0.1 |", "pairs.parquet | sha256", "| rows | 6 |", "trl 1.16"):
        assert words in text
    assert str(pairs) not in text


@pytest.mark.nightly
@pytest.mark.parametrize("precomputes", [False, True])
def test_two_processes_on_cpus_make_the_same_steps(
    pairs: Path, model: Path, plain: Path, tmp_path: Path, precomputes: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    launch = LaunchConfig(config="ddp", processes=2, port=port)
    seen: list[int] = []
    config = CONFIG.model_copy(update={"launch": launch, "precompute_reference": precomputes})
    summary = train(pairs, model, config, tmp_path, 0, lambda step: seen.append(step.step))
    assert seen == [1, 2, 3, 4]
    assert not (tmp_path / "rows").exists()
    assert _losses(list(summary.steps)) == pytest.approx(_losses(read_log(plain)), rel=1e-4)


FSDP_ON_CPUS = """
import sys
from pathlib import Path
from accelerate import state
start = state.PartialState.__init__
def as_on_gpus(self, cpu=False, **more):
    start(self, cpu, **more)
    if self.distributed_type == state.DistributedType.MULTI_CPU:
        self.distributed_type = state.DistributedType.MULTI_GPU
state.PartialState.__init__ = as_on_gpus  # accelerate has FSDP for GPUs alone; torch has it for CPUs too
from pairsmith.pipeline.training.launch import main
sys.exit(main(Path(sys.argv[1])))
"""


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("tuning", "more"), [("lora", {}), ("full", {}), ("full", {"precompute_reference": True})]
)
def test_split_weights_make_the_steps_of_one_process(
    pairs: Path, model: Path, tmp_path: Path, tuning: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairsmith.pipeline.training.launch import write_job
    from pairsmith.pipeline.training.progress import TrainingJob

    alone = _losses(_train(pairs, model, tmp_path / "alone", tuning=tuning, **more))
    settings = yaml.safe_load((PRESETS.parent / "accelerate" / "fsdp.yaml").read_text())["fsdp_config"]
    for name, value in settings.items():  # as `accelerate launch` hands them on
        monkeypatch.setenv(name.upper(), str(value).lower() if isinstance(value, bool) else str(value))
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    config = CONFIG.model_copy(update={"tuning": tuning, **more})
    path = write_job(TrainingJob(pairs, model, config, tmp_path / "out", 0, "tiny", "inputs"))
    (tmp_path / "worker.py").write_text(FSDP_ON_CPUS)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    command = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port", port]
    done = subprocess.run([sys.executable, *command, tmp_path / "worker.py", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert _losses(read_log(tmp_path / "out")) == pytest.approx(alone, rel=1e-4)
    newest = tmp_path / "out" / CHECKPOINTS / f"checkpoint-{CONFIG.max_steps}"
    assert (newest / "pytorch_model_fsdp.bin").exists()  # FSDP's own, so it was FSDP
    assert (newest / ("adapter_model.safetensors" if tuning == "lora" else "model.safetensors")).exists()


def test_a_worker_writes_down_what_stops_it(model: Path, tmp_path: Path) -> None:
    from pairsmith.pipeline.training.launch import FAILED, main, read_job, write_job
    from pairsmith.pipeline.training.progress import TrainingJob

    folder = write_pairs(tmp_path / "pairs.parquet", [make_pair(1)]).parent
    job = TrainingJob(folder, model, CONFIG, tmp_path / "out", 0, "tiny", "inputs")
    path = write_job(job)
    assert read_job(path) == job
    assert main(path) == 1
    assert "1 pairs of the train split, but a step takes 2" in (job.out / FAILED).read_text()


@pytest.mark.parametrize(
    ("launch", "is_cpu", "message"),
    [
        (LaunchConfig(config="fsdp"), True, "needs GPUs; on CPUs use ddp"),
        (LaunchConfig(config="no.yaml"), False, "no such file, and none of ddp, fsdp"),
        (LaunchConfig(config="ddp", machines=2), False, "meet at training.launch.address"),
    ],
)
def test_a_launch_that_cannot_be_is_refused(launch: LaunchConfig, is_cpu: bool, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        launch_command(TrainingConfig(launch=launch), Path("job.json"), is_cpu)


@pytest.mark.parametrize("name", ["ddp", "fsdp", "zero2", "zero3"])
def test_the_shipped_configurations_are_what_accelerate_reads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    monkeypatch.setattr("pairsmith.pipeline.training.launch.importlib.util.find_spec", lambda name: object())
    launch = LaunchConfig(config=name, processes=4, machines=2, machine_rank=1, address="10.0.0.1")
    command = launch_command(TrainingConfig(launch=launch), Path("job.json"), False)
    read = load_config_from_file(command[command.index("--config_file") + 1])
    kinds = {"ddp": "MULTI_GPU", "fsdp": "FSDP", "zero2": "DEEPSPEED", "zero3": "DEEPSPEED"}
    assert read.distributed_type == kinds[name]
    assert command[1:3] == ["-m", "accelerate.commands.launch"]
    parsed = launch_command_parser().parse_args(command[3:])  # an option that it lacks ends this process
    assert (parsed.num_processes, parsed.num_machines, parsed.machine_rank) == (4, 2, 1)
    assert (parsed.main_process_ip, parsed.main_process_port) == ("10.0.0.1", 29500)
    assert (parsed.module, parsed.training_script) == (True, "pairsmith.pipeline.training.launch")
    assert parsed.training_script_args == ["job.json"]


def test_tensorboard_is_told_of_every_step(pairs: Path, model: Path, tmp_path: Path) -> None:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    steps = _train(pairs, model, tmp_path, trackers=("tensorboard",))
    events = reading.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    told = {name: [event.value for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert told["train/loss"] == pytest.approx(_losses(steps), rel=1e-5)


def test_wandb_gets_a_run_for_each_training(
    pairs: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("first", "second"):
        _train(pairs, model, tmp_path / name, trackers=("wandb",), max_steps=1)
        (run,) = (tmp_path / name / "wandb").glob("offline-run-*/run-*.wandb")
        assert b"train/loss" in run.read_bytes()


def test_a_tracker_that_is_not_there_is_refused(
    pairs: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairsmith.pipeline.training.trainer.find_spec", lambda name: None)
    with pytest.raises(TrainingError, match="wandb is not installed; pip install wandb"):
        _train(pairs, model, tmp_path, trackers=("wandb",))


@pytest.mark.parametrize(
    ("chosen", "rejected", "displaced"), [(-0.5, -0.9, True), (0.5, -0.9, False), (-0.5, 0.9, False)]
)
def test_displacement_is_told_by_the_log_ratios(chosen: float, rejected: float, displaced: bool) -> None:
    steps = [
        replace(STEP, step=n, chosen_reward=chosen + n % 2 / 100, rejected_reward=rejected + n % 3 / 100)
        for n in range(1, 31)
    ]
    assert is_displaced(steps) is displaced
    assert is_displaced(steps[:10]) is False  # too few to tell


def test_further_arguments_reach_the_trainer(pairs: Path, model: Path, plain: Path, tmp_path: Path) -> None:
    plain_losses = _losses(read_log(plain))
    eager = {"model_init_kwargs": {"attn_implementation": "eager"}, "lr_scheduler_type": "linear"}
    assert _losses(_train(pairs, model, tmp_path / "eager", extra=eager)) == pytest.approx(plain_losses, rel=1e-4)
    constant = _train(pairs, model, tmp_path / "constant", extra={"lr_scheduler_type": "constant"})
    assert len({step.learning_rate for step in constant}) == 1
    warm = _train(pairs, model, tmp_path / "warm", extra={"warmup_steps": 0.5})
    assert [step.learning_rate for step in warm] == pytest.approx([0.0, 5e-3, 1e-2, 5e-3])
    sgd = _train(pairs, model, tmp_path / "sgd", extra={"optim": "sgd"})
    assert _losses(sgd)[0] == plain_losses[0]
    assert _losses(sgd)[-1] != plain_losses[-1]


def test_an_argument_that_trl_lacks_is_named_with_the_nearest(pairs: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"\.weight_decy: TRL's DPOConfig .* nearest is weight_decay"):
        _train(pairs, model, tmp_path, extra={"weight_decy": 0.1})
    with pytest.raises(TrainingError, match="TRL's own loss"):
        _train(pairs, model, tmp_path, extra={"use_weighting": True}, label_smoothing=0.1)


@pytest.mark.parametrize("preset", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_trl_has_all_that_a_preset_sets(preset: Path) -> None:
    config = load_config(None, (), preset).training
    method = METHODS[config.method]
    check_arguments(method, config.extra)
    knobs(method, config)
    processes = config.launch.processes or 1
    split_batch(config, processes)
    assert "Source: " in preset.read_text(encoding="utf-8")
