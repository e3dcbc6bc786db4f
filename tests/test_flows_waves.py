"""Adaptive draws through the command: targets, budgets, resumption."""

import io
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from rich.console import Console

from pairsmith.flows.cli import plans
from pairsmith.flows.cli.plans import show_plan
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import load_config
from tests.cli_kit import N_PROBLEMS, call_pairsmith, command_of, contents, environment


def n_pairs(run: Path) -> int:
    return len(stage_folder(run, "pairs").read_all())


def draws(run: Path) -> dict[str, int]:
    rows: list[Candidate] = stage_folder(run, "candidates").read_all()
    found: dict[str, int] = {}
    for row in rows:
        found[row.problem_id] = found.get(row.problem_id, 0) + 1
    return found


@pytest.mark.usefixtures("prefect_here")
def test_waves_end_at_the_pairs_that_were_asked_for_and_resume_alike(
    config: Path, home: Path, tmp_path: Path
) -> None:
    """Samples lie as reference, wrong ones, ...: two draws give most problems their pair, at once."""
    run, waves = tmp_path / "run", ["--pairs", "12", "--set", "adaptive.first_n=2", "--set", "adaptive.step_n=2"]
    done = call_pairsmith("build", config, "--set", f"run={run}", *waves, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ended: enough pairs" in done.stdout
    assert n_pairs(run) >= 12
    assert sum(draws(run).values()) < 8 * N_PROBLEMS, "fewer than a fixed n would take"
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        command_of("build", config, "--set", f"run={killed}", *waves),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(home), start_new_session=True,
    )  # fmt: skip
    while not any(killed.glob("executions/*.parquet")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    again = call_pairsmith("build", config, "--set", f"run={killed}", *waves, home=home)
    assert again.returncode == 0, again.stdout + again.stderr
    assert contents(killed) == contents(run)


def plan_of(config: Path, *overrides: str) -> str:
    text = io.StringIO()
    show_plan(load_config(config, overrides), config.parent, Console(file=text, width=200))
    return text.getvalue()


@pytest.mark.usefixtures("built")
def test_a_plan_forecasts_what_a_model_has_yet_to_draw(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "forecast" not in plan_of(config, "seed=4"), "samples of a file cost nothing"
    monkeypatch.setattr(plans, "choose_backend", lambda sampling: "openai")
    assert "forecast: nothing left to sample" in plan_of(config)
    assert " tokens (a guess: " in plan_of(config, "seed=4").split("forecast: ")[1]
    waves = plan_of(config, "adaptive.pairs=1k", "budget.tokens=20M")
    assert "forecast of all waves: " in waves
    assert "until 1000 pairs" in waves


@pytest.mark.usefixtures("prefect_here")
def test_a_key_is_in_no_file_that_a_run_writes(
    config: Path, built: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect records the parameters of flows: the key must not be among them."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-written-4711")
    done = call_pairsmith("build", config, "--set", "pairs.max_per_problem=1", home=home)  # not "there already"
    assert done.returncode == 0, done.stderr
    assert "4711" not in done.stdout + done.stderr
    assert list(home.rglob("*.db")), "Prefect's database is among the files"
    found = subprocess.run(
        ["grep", "-rls", "sk-never-written-4711", home, built], capture_output=True, text=True, check=False
    )
    assert (found.stdout, found.returncode) == ("", 1)
