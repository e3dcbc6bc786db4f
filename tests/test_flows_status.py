"""`pairsmith init` and `pairsmith status` as a user meets them."""

import fcntl
import json
from pathlib import Path

import pytest

from pairsmith.flows.runtime.reporting import PROGRESS
from pairsmith.schemas.config import RunConfig, load_config
from tests.cli_kit import assert_one_line, call_pairsmith


def test_init_writes_the_defaults_once(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "pairsmith.toml"
    done = call_pairsmith("init", path, home=home)
    assert done.returncode == 0, done.stderr
    assert "pairsmith build" in done.stdout
    assert load_config(path) == RunConfig()
    assert_one_line(call_pairsmith("init", path, home=home), str(path), "--force")
    done = call_pairsmith("init", path, "--force", "--set", "sampling.n=3", home=home)
    assert done.returncode == 0
    assert load_config(path).sampling.n == 3


def test_init_to_a_pipe_prints_only_the_file(home: Path) -> None:
    done = call_pairsmith("init", "-", home=home)
    assert done.returncode == 0
    assert done.stdout.startswith("# Configuration of pairsmith")


def test_status_of_a_finished_run(built: Path, home: Path) -> None:
    done = call_pairsmith("status", built, home=home)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith("│")}
    assert " done " in lines["pairs"]
    assert " missing " in lines["training"]
    assert "running" not in done.stdout
    first = done.stdout.splitlines()[0]
    assert "9 of 11 parts done" in first
    assert f"training is missing; next: pairsmith train {built}/config.toml" in first


def test_status_by_a_file_names_what_would_be_made_again(built: Path, config: Path, home: Path) -> None:
    done = call_pairsmith("status", config, "--set", "pairs.max_per_problem=3", home=home)
    assert done.returncode == 0, done.stderr
    assert "pairs.max_per_problem: 8 -> 3" in done.stdout


def test_status_of_a_run_at_work_tells_how_far_it_is(built: Path, home: Path) -> None:
    row = {
        "stage": "executions\x1b[2J",
        "n_done": 30,
        "total": 120,
        "unit": "programs",
        "rate": 2.0,
        "left_s": 45.0,
    }
    (built / PROGRESS).write_text(json.dumps({"pid": 7, "stages": [row]}))
    try:
        with (built / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = call_pairsmith("status", built, home=home)
    finally:
        (built / PROGRESS).unlink()
    assert "running now, process 7" in done.stdout
    assert "30 of 120 programs 2.0/s, about 45 s left" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), ("nowhere", "no such run folder")),
        (("{tmp}",), ("{tmp}", "not a run folder")),
        (("{tmp}", "--set", "sampling.n=2"), ("--set", "TOML file")),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], words: tuple[str, ...], home: Path, tmp_path: Path
) -> None:
    given, told = ([one.replace("{tmp}", str(tmp_path)) for one in words] for words in (arguments, words))
    assert_one_line(call_pairsmith("status", *given, home=home), *told)
