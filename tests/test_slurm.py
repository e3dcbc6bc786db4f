"""The templates for Slurm call pairsmith with settings that exist, under a Slurm that is scripted."""

import os
import subprocess
from pathlib import Path

import pytest

from pairsmith.schemas.config import RunConfig, load_config

TEMPLATES = Path("data/slurm").resolve()
pytestmark = pytest.mark.slow


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, str]:
    """An environment whose `pairsmith`, `vllm`, `srun` and the like write down how they were called."""
    (tmp_path / "bin").mkdir()
    stubs = {
        "pairsmith": 'printf "%s\\n" "$@" >>"$NOTES/pairsmith"; echo "$VLLM_API_KEY" >>"$NOTES/keys"; exit $FAILS',
        "vllm": 'echo "$@" >>"$NOTES/vllm"; echo "$VLLM_API_KEY" >>"$NOTES/keys"; sleep 60',
        "curl": "exit 0",
        "scancel": 'echo "$@" >>"$NOTES/scancel"',
        "scontrol": "echo node7; sleep 0.2; echo node8",  # whoever stops reading early ends it by SIGPIPE
        "srun": 'shift; for SLURM_NODEID in 0 1; do export SLURM_NODEID; "$@"; done',
        "hostname": "echo node7",
    }
    for name, text in stubs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "run.toml").write_text('run = "mine"\n')
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return {
        "PATH": path, "NOTES": str(tmp_path), "RUN": str(tmp_path / "run.toml"), "USER": "me", "MODEL": "org/name",
        "SERVERS": str(tmp_path / "servers"), "SLURM_ARRAY_JOB_ID": "4711", "SLURM_ARRAY_TASK_COUNT": "3",
        "FAILS": "0",
    }  # fmt: skip


def configured(folder: Path) -> list[RunConfig]:
    """Return the configurations that `pairsmith` was called with."""
    words = (folder / "pairsmith").read_text().splitlines()
    verbs = [i for i, word in enumerate(words) if word in ("build", "train")]
    calls = [words[start:end] for start, end in zip(verbs, [*verbs[1:], len(words)], strict=True)]
    return [
        load_config(Path(call[1]), [call[i + 1] for i, word in enumerate(call) if word == "--set"])
        for call in calls
    ]


def test_a_server_tells_its_address_and_the_build_draws_from_all(commands: dict[str, str], tmp_path: Path) -> None:
    template = str(TEMPLATES / "sample.sbatch")
    serving = [
        subprocess.Popen(
            ["bash", template], env={**commands, "SLURM_ARRAY_TASK_ID": str(task)}, start_new_session=True
        )
        for task in (1, 2)
    ]
    try:
        subprocess.run(["bash", template], env={**commands, "SLURM_ARRAY_TASK_ID": "0"}, check=True, timeout=60)
    finally:
        for process in serving:
            os.killpg(process.pid, 15)
            process.wait()
    (config,) = configured(tmp_path)
    assert config.sampling.base_url == ("http://node7:24711/v1",) * 2
    assert (config.sampling.model, config.sampling.revision) == ("org/name", "main")
    assert "--generation-config vllm" in (tmp_path / "vllm").read_text()
    assert (tmp_path / "scancel").read_text() == "4711_[1-2]\n"
    keys = (tmp_path / "keys").read_text().split()
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert (tmp_path / "servers.key").stat().st_mode & 0o077 == 0


def test_a_build_that_fails_ends_the_servers_too(commands: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "servers").mkdir()
    for task in (1, 2):
        (tmp_path / "servers" / str(task)).write_text(f"http://node{task}:24711/v1")
    alone = {**commands, "SLURM_ARRAY_TASK_ID": "0", "FAILS": "3"}
    ended = subprocess.run(["bash", str(TEMPLATES / "sample.sbatch")], env=alone, check=False, timeout=60)
    assert ended.returncode == 3
    assert (tmp_path / "scancel").read_text() == "4711_[1-2]\n"


def test_each_node_trains_with_its_rank(commands: dict[str, str], tmp_path: Path) -> None:
    slurm = {"SLURM_JOB_NODELIST": "node[7-8]", "SLURM_NNODES": "2", "SLURM_GPUS_ON_NODE": "8"}
    subprocess.run(["bash", str(TEMPLATES / "train.sbatch")], env={**commands, **slurm}, check=True, timeout=60)
    launches = [config.training.launch for config in configured(tmp_path)]
    assert [launch.machine_rank for launch in launches] == [0, 1]
    assert {(launch.machines, launch.processes, launch.address) for launch in launches} == {(2, 16, "node7")}
