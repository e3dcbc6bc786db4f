"""The command as a user meets it: what it prints, and how it refuses bad input."""

import fcntl
import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli_kit import N_PROBLEMS, assert_one_line, run_pairsmith


def test_dry_run_prints_the_plan_and_writes_nothing(config: Path, home: Path, tmp_path: Path) -> None:
    done = run_pairsmith("build", config, "--dry-run", "--set", f"run={tmp_path / 'none'}", home=home)
    assert done.returncode == 0
    assert f"{N_PROBLEMS} from starter" in done.stdout
    assert not (tmp_path / "none").exists()


def test_inspect_shows_stages_and_pairs(built: Path, home: Path) -> None:
    done = run_pairsmith("inspect", built, "--pairs", "2", home=home)
    assert done.returncode == 0
    assert done.stdout.count("-- chosen, passes") == 2


def test_two_runs_do_not_share_a_folder(config: Path, built: Path, home: Path) -> None:
    with (built / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run_pairsmith("build", config, home=home)
    assert_one_line(done, "another pairsmith works on it")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "sampling.temprature=1"), ("sampling.temprature", "sampling.temperature")),
        (("--set", "sampling.n=none"), ("sampling.n",)),
        (("nowhere.toml",), ("nowhere.toml", "no such")),
        (("--set", "problems.source=jsonl"), ("problems.path",)),
        (("--set", "problems.source=jsonl", "--set", "problems.path={tmp}/empty.jsonl"), ("empty.jsonl",)),
        (("--set", "problems.source=jsonl", "--set", "problems.path={tmp}/column.jsonl"), ("entry_point",)),
        pytest.param(
            ("--set", "sampling.backend=transformers", "--set", "sampling.model={tmp}"),
            ("not a model folder",),
            marks=pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra [train]"),
        ),
        (("--set", "sampling.backend=files", "--set", "sampling.samples={tmp}/no.jsonl"), ("no.jsonl",)),
        (("--set", "run=/proc/none/here"), ("/proc/none/here",)),
    ],
)
def test_bad_input_is_one_line_that_names_it(
    arguments: tuple[str, ...], words: tuple[str, ...], home: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "column.jsonl").write_text(json.dumps({"problem_id": "a", "prompt": "p", "tests": []}) + "\n")
    given = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    if not any(argument.startswith("run=") for argument in given):
        given += ["--set", f"run={tmp_path / 'run'}"]
    assert_one_line(run_pairsmith("build", *given, home=home), *words)


def test_a_full_disk_is_one_line_and_keeps_what_is_there(config: Path, home: Path, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=28k", "tmpfs", disk], check=True)
    try:
        done = run_pairsmith("build", config, "--set", f"run={disk / 'run'}", home=home)
        assert_one_line(done, "No space left on device", str(disk))
        assert list(disk.glob("run/*/*.parquet"))
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        assert run_pairsmith("build", config, "--set", f"run={disk / 'run'}", home=home).returncode == 0
    finally:
        subprocess.run(["umount", disk], check=True)


def test_train_before_build_says_what_to_do(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    cache = Path.home() / ".cache" / "pairsmith"
    assert_one_line(
        run_pairsmith("train", "--set", f"run={tmp_path / 'run'}", "--cache", cache, home=home), "pairs"
    )
