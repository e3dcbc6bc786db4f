"""What a plan forecasts, and where a key is not written."""

import io
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from pairsmith.flows.cli import plans
from pairsmith.flows.cli.plans import show_plan
from pairsmith.schemas.config import load_config
from tests.cli_kit import call_pairsmith


def plan_of(config: Path, *overrides: str) -> str:
    text = io.StringIO()
    show_plan(load_config(config, overrides), config.parent, Console(file=text, width=200))
    return text.getvalue()


@pytest.mark.usefixtures("built")
def test_a_plan_forecasts_what_a_model_has_yet_to_draw(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "forecast" not in plan_of(config, "seed=4"), "samples of a file cost nothing"
    monkeypatch.setattr(plans, "choose_backend", lambda sampling: "openai")
    assert "forecast: nothing left to sample" in plan_of(config)
    assert " tokens (an estimate: " in plan_of(config, "seed=4").split("forecast: ")[1]


@pytest.mark.usefixtures("prefect_here")
def test_a_key_is_in_no_file_that_a_run_writes(
    config: Path, built: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect records the parameters of flows: the key must not be among them."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-written-4711")
    done = call_pairsmith("build", config, "--set", "pairs.max_per_problem=1", home=home)  # not "reused"
    assert done.returncode == 0, done.stderr
    assert "4711" not in done.stdout + done.stderr
    assert list(home.rglob("*.db")), "Prefect's database is among the files"
    found = subprocess.run(
        ["grep", "-rls", "sk-never-written-4711", home, built], capture_output=True, text=True, check=False
    )
    assert (found.stdout, found.returncode) == ("", 1)
