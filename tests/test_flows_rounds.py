"""Rounds through the command: samples of a scripted server, a model of 2 layers."""

import errno
import hashlib
import io
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.evaluation.round_config import RoundsError
from pairsmith.pipeline.evaluation.rounds import read_rounds
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.sandbox import SandboxError
from pairsmith.schemas.config import RunConfig, load_config
from pairsmith.schemas.score import RoundsResult
from tests.cli_kit import command_of, environment
from tests.openai_server import Server, serving
from tests.rounds_kit import leave_prefect_out, starter_answers, write_rounds_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("trl")
    with serving() as one:
        yield one


def digests(run: Path) -> dict[str, str]:
    """Return the digest of every result of rounds; what holds seconds or paths of the run is left out."""
    found = {}
    stages = ("problems", "programs", "verdicts", "syntax", "standings", "pairs")
    for pattern in (
        *(f"round-*/**/{stage}/*.parquet" for stage in stages), "round-*/dataset/**/*.parquet",
        "round-*/training/adapter/*", "round-*/evaluation/*/score.json",
    ):  # fmt: skip
        for path in sorted(run.glob(pattern)):
            found[path.relative_to(run).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft's own
def test_rounds_run_stop_and_go_on(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What round 1 solves is left out of round 2; where round 2 ends by a fault, round 1 stays as it is."""
    from pairsmith.flows.build import build_run
    from pairsmith.flows.studying import rounds

    leave_prefect_out(monkeypatch)
    solved = set[str]()

    def pick(model: str, name: str, seed: int) -> int:
        if not solved:
            solved.add(name)
        return 0 if name in solved else seed % 4

    server.script = starter_answers(pick)
    path = write_rounds_config(tmp_path, server.url)

    def run(*given: str) -> RoundsResult:
        return rounds.fn(load_config(path, given), tmp_path / "cache")

    first = run("rounds.n=1")
    assert [(row.number, row.stop) for row in first.rows] == [(1, "all are done")]
    before = digests(tmp_path / "rounds")
    assert len(before) >= 4

    def fail(config: RunConfig, *rest: Any) -> None:
        if config.run.name == "round-2":
            raise SandboxError("no sandbox: docker is away")
        build_run(config, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("pairsmith.flows.studying.build_run", fail)
        with pytest.raises(SandboxError, match="docker is away"):
            run("rounds.n=2")
    kept = read_rounds(tmp_path / "rounds")
    assert kept is not None
    assert [row.number for row in kept.rows] == [1]
    assert digests(tmp_path / "rounds").items() >= before.items()
    result = run("rounds.n=2", "pairs.keep_approaches=true", "rounds.replay=0.3")
    assert read_rounds(tmp_path / "rounds") is not None
    assert [row.number for row in result.rows] == [1, 2]
    assert all(row.gains and row.pairs for row in result.rows)
    assert any(name.startswith("dataset round-1") for name in result.rows[1].pairs)
    if split_of(f"starter/{next(iter(solved))}", 0.25) == "train":
        assert result.rows[1].left_out == {"solved": 1}
    after = digests(tmp_path / "rounds")
    adapter = "round-1/training/adapter/adapter_model.safetensors"
    assert after[adapter] == before[adapter], "a done round was trained again"
    assert after["round-2/training/adapter/adapter_model.safetensors"] != after[adapter]
    assert (tmp_path / "rounds" / "report.html").is_file()
    for number, row in enumerate(result.rows, start=1):
        folder = tmp_path / "rounds" / f"round-{number}"
        assert row.kl == pytest.approx(reference_kl(folder, tmp_path / "tiny"), abs=1e-5)
        assert abs(row.kl or 0.0) > 1e-3


def reference_kl(run: Path, start: Path) -> float:
    """Return the mean of ln policy - ln start over the tokens of a round's draws, by peft alone."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(start)
    first = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    second = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    second = PeftModel.from_pretrained(second, str(run / "training" / "adapter"))
    total, n_tokens = 0.0, 0
    for row in stage_folder(run / "evaluation" / "after", "candidates").read_all():
        asked = f"<|im_start|>user\n{row.prompt}<|im_end|>\n<|im_start|>assistant\n"
        n_asked = len(tokenizer(asked)["input_ids"])
        ids = torch.tensor([tokenizer(asked)["input_ids"] + tokenizer(row.completion)["input_ids"]])
        with torch.no_grad():
            gap = second(ids).logits.log_softmax(-1) - first(ids).logits.log_softmax(-1)
        for place in range(n_asked, ids.shape[1]):
            total, n_tokens = total + gap[0, place - 1, ids[0, place]].item(), n_tokens + 1
    return total / n_tokens


def test_a_round_without_pairs_ends_them_and_plan_and_status_know_rounds(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairsmith.flows.cli.plans import show_rounds_plan
    from pairsmith.flows.cli.status import show_status
    from pairsmith.flows.studying import rounds

    leave_prefect_out(monkeypatch)
    server.script = starter_answers(lambda model, name, seed: seed % 4 if model == "served-1" else 0)
    config = load_config(write_rounds_config(tmp_path, server.url, "dry", 3, 2), ["rounds.solved=none"])
    console = Console(file=io.StringIO(), width=200)
    show_rounds_plan(config, tmp_path / "cache", console)
    assert not (tmp_path / "dry").exists()
    result = rounds.fn(config, tmp_path / "cache")
    assert [row.stop for row in result.rows] == [
        "", "round 2 made 0 train pairs, fewer than the 2 of a step"
    ]  # fmt: skip
    assert result.rows[1].gains == ()
    show_rounds_plan(config, tmp_path / "cache", console)
    show_status(str(tmp_path / "dry"), (), tmp_path / "cache", console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "plan of the rounds" in shown
    assert "round-2" in shown.rpartition("plan of the rounds")[2]


@pytest.mark.nightly
def test_a_changed_setting_is_told_with_the_round_that_it_begins_in(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairsmith.flows.runtime.reporting import reporter
    from pairsmith.flows.studying import rounds

    lines: list[str] = []
    monkeypatch.setattr(reporter(), "log", lines.append)

    leave_prefect_out(monkeypatch)
    server.script = starter_answers()
    path = write_rounds_config(tmp_path, server.url)
    changed = 'rounds.by_round=[{}, {training = {beta = 0.5}, sampling = {model = "served-2"}}]'
    adapters = []
    for given in ([], [changed]):
        rounds.fn(load_config(path, ["rounds.n=2", *given]), tmp_path / "cache")
        files = sorted((tmp_path / "rounds").glob("round-*/training/adapter/adapter_model.safetensors"))
        adapters.append([file.read_bytes() for file in files])
    assert [line for line in lines if "training.beta: null -> 0.5" in line]
    assert [line for line in lines if "made again, from round 2 on" in line]
    (first, second), (first_again, second_again) = adapters
    assert first == first_again
    assert second != second_again


@pytest.mark.nightly
def test_rounds_in_a_store_go_on_from_an_empty_disk(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairsmith.flows.studying import rounds

    leave_prefect_out(monkeypatch)
    server.script = starter_answers()
    config = load_config(
        write_rounds_config(tmp_path, server.url), ["rounds.n=1", f"store=file://{tmp_path / 'store'}"]
    )
    made = []
    for _ in range(2):
        rounds.fn(config, tmp_path / "cache")
        made.append((digests(tmp_path / "rounds"), sum(server.tries.values())))
        shutil.rmtree(tmp_path / "rounds")
    assert made[0] == made[1], "something was drawn or trained again"
    assert made[0][0]


@pytest.mark.nightly
def test_a_full_disk_in_round_3_leaves_the_rounds_before_it_and_the_same_command_goes_on(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairsmith.flows import studying
    from pairsmith.flows.build import build_run as build

    server.script = starter_answers()
    leave_prefect_out(monkeypatch)
    config = load_config(write_rounds_config(tmp_path, server.url), ["rounds.n=3"])

    def full(one: RunConfig, *rest: Any) -> None:
        if one.run.name == "round-3":
            raise OSError(errno.ENOSPC, "No space left on device")
        build(one, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("pairsmith.flows.studying.build_run", full)
        with pytest.raises(OSError, match="No space left"):
            studying.rounds.fn(config, tmp_path / "cache")
    kept = read_rounds(tmp_path / "rounds")
    assert kept is not None
    assert [row.number for row in kept.rows] == [1, 2]
    before = digests(tmp_path / "rounds")
    assert len(studying.rounds.fn(config, tmp_path / "cache").rows) == 3
    after = digests(tmp_path / "rounds")
    assert {name: after[name] for name in before} == before


@pytest.mark.nightly
def test_a_judge_that_fails_in_round_2_ends_it_and_the_same_command_goes_on(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairsmith.flows import studying
    from pairsmith.flows.build import build_run as build
    from pairsmith.pipeline.sandbox import SandboxError, SandboxPool

    server.script = starter_answers()
    leave_prefect_out(monkeypatch)
    config = load_config(write_rounds_config(tmp_path, server.url), ["rounds.n=2"])

    def broken(*_: object) -> None:
        raise SandboxError("no sandbox could be started")

    def failing(one: RunConfig, *rest: Any) -> None:
        with monkeypatch.context() as patch:
            if one.run.name == "round-2":
                patch.setattr(SandboxPool, "run", broken)
            build(one, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("pairsmith.flows.studying.build_run", failing)
        with pytest.raises(SandboxError, match="no sandbox could be started"):
            studying.rounds.fn(config, tmp_path / "cache")
    second = tmp_path / "rounds" / "round-2"
    assert not list(second.glob("verdicts/*.parquet"))  # a judge that fails gives no label
    before = {name: one for name, one in digests(tmp_path / "rounds").items() if name.startswith("round-1")}
    assert len(studying.rounds.fn(config, tmp_path / "cache").rows) == 2
    after = digests(tmp_path / "rounds")
    assert {name: after[name] for name in before} == before
    assert list(second.glob("verdicts/*.parquet"))


def test_rounds_that_can_not_be_end_before_anything_is_drawn(server: Server, tmp_path: Path) -> None:
    from pairsmith.flows.studying import rounds
    from pairsmith.pipeline.training.checks import TrainingError

    path = write_rounds_config(tmp_path, server.url)
    with pytest.raises(RoundsError, match="round 2 would draw from what round 1 drew from"):
        rounds.fn(load_config(path, ["rounds.by_round=[]"]), tmp_path / "cache")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "adapter_config.json").write_text(
        '{"peft_type": "LORA", "base_model_name_or_path": "x"}'
    )
    with pytest.raises(TrainingError, match="an adapter for another base"):
        rounds.fn(load_config(path, [f"training.adapter={tmp_path / 'other'}"]), tmp_path / "cache")
    assert not (tmp_path / "rounds" / "round-1").exists()


def run_and_kill(command: list[str], home: Path, run: Path, seen: dict[Path, None], n_files: float) -> bool:
    """Start the command, note its files, kill its group when there are so many; return whether it was killed."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, env=environment(home), stdout=quiet, stderr=quiet, start_new_session=True
    ) as process:
        while process.poll() is None:
            for folder, _, names in os.walk(run):
                seen.update(dict.fromkeys(Path(folder, name).relative_to(run) for name in names))
            if len(seen) >= n_files:
                os.killpg(process.pid, signal.SIGKILL)
                return True
            time.sleep(0.02)
    assert process.returncode == 0
    return False


@pytest.mark.nightly
@pytest.mark.timeout(5400)
def test_rounds_killed_at_ten_moments_end_with_the_same_bytes(server: Server, tmp_path: Path, home: Path) -> None:
    """A moment is a number of files written, so that all ten fall into the work of some round."""
    server.script = starter_answers()
    began, files = time.monotonic(), dict[str, dict[Path, None]]()
    for run in ("whole", "killed"):
        config, files[run], before = write_rounds_config(tmp_path, server.url, run, n_train=3), {}, tries(server)
        command, moments = command_of("rounds", config, "--set", "sampling.store=run"), list[float]()
        if run == "killed":
            moments = sorted(random.Random(0).sample(range(len(files["whole"])), 10))
        for n_files in [*moments, float("inf")]:
            is_killed = run_and_kill(command, home, tmp_path / run, files[run], n_files)
            last = next(reversed(files[run]), "")
            print(run, n_files, last, tries(server) - before, f"{time.monotonic() - began:.0f} s", flush=True)
            assert is_killed == (n_files != float("inf"))
    results = digests(tmp_path / "whole")
    print(len(results), "results")
    assert len(results) > 60
    assert digests(tmp_path / "killed") == results


def tries(server: Server) -> int:
    return sum(server.tries.values())
