"""The README holds what is true: its commands run, its tables are those of the code."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from pairsmith.schemas.pair import Pair
from tests.cli_kit import environment, help_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(built: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's names mean a small finished run."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "runs").mkdir()
    (folder / "runs" / "demo").symlink_to(built)
    (folder / "run.toml").write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_known_as_written(command: str) -> None:
    words = shlex.split(command)[1:]
    verbs = [word for word in words[:2] if re.fullmatch("[a-z]+", word)]
    shown = help_of(*verbs)
    for option in (word for word in words if word.startswith("--")):
        assert option in shown


@pytest.mark.parametrize(
    "command", [text for text in COMMANDS if re.search("dry-run|build run.toml|inspect", text)]
)
def test_commands_that_need_no_model_run_as_written(command: str, folder: Path, home: Path) -> None:
    words = [sys.executable, "-m", "pairsmith", *shlex.split(command)[1:]]
    variables = {**environment(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_snippet_loads_the_pairs(folder: Path, tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    variables = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    code = snippet + "\nprint(pairs['train'].num_rows > 0, pairs['train'].column_names)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("True"), done.stderr


def test_the_columns_are_all_there() -> None:
    section = (
        (ROOT / "docs" / "pairing.md").read_text(encoding="utf-8").split("## Columns of a pair")[1].split("## ")[0]
    )
    named = set(
        re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in section.splitlines() if "|" in line))
    )
    assert named == {field.name for field in fields(Pair)}


def test_it_is_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 120
    assert "@" not in re.sub(r"pass@", "", "\n".join(README.splitlines()[:30]))
