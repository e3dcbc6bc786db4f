"""What the pages name is there: options, settings, tables of TOML, files, verbs."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

import pairsmith.flows.cli
from pairsmith.flows.cli.shared import app
from pairsmith.pipeline.reference import list_sections
from pairsmith.schemas.config import ConfigError, RunConfig, load_config
from pairsmith.schemas.config.study import load_study

ROOT = Path(__file__).parents[1]
WRITTEN = [
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "reference"),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
]  # what is generated from the code can't differ from it
FOLDERS = "pipeline|flows|schemas|benchmarks|tests|data|docs"
OTHERS = (
    "pip install",
    "make install",
    "sbatch ",
    "ray start",
    "prefect ",
    "--prompt_key",
)  # commands of others, whose options are theirs


def each_page(name: str = "page") -> pytest.MarkDecorator:
    return pytest.mark.parametrize(name, WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def options() -> dict[str, set[str]]:
    """Return the options of each verb; those of the command itself under an empty one."""
    assert pairsmith.flows.cli.main is not None  # each verb registers itself

    def below(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, set[str]]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from below(command, (*path, name))
            else:
                yield " ".join((*path, name)), {one for option in command.params for one in option.opts}

    whole = typer.main.get_command(app)
    return {"": {one for option in whole.params for one in option.opts}, **dict(below(whole, ()))}


@cache
def settings() -> tuple[set[str], set[str]]:
    """Return all keys, those of lists of tables among them, and all tables."""
    keys, tables = set[str](), set[str]()
    for section in list_sections():
        tables.add(".".join(section.path))
        for key in section.keys:
            below = list_sections(key.tables, (*key.section, key.name)) if key.tables is not None else ()
            keys |= {key.path} | {one.path for part in below for one in part.keys}
    return keys, tables


def is_known(key: str) -> bool:
    keys, tables = settings()
    return key in keys or key in tables


def code_of(text: str) -> list[str]:
    """Return the lines of code blocks, and each piece of code between words."""
    fences = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    between = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [line for block in fences for line in block.splitlines()] + re.findall(r"`([^`]+)`", between)


def wrong_commands(text: str) -> list[str]:
    wrong = []
    for code in code_of(text):
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]*[a-z]", code))
        verbs = re.findall(r"^(?:\$ )?pairsmith ((?:sandbox |vllm |store )?[a-z]+)\b", code)
        wrong += [f"pairsmith {verb}" for verb in verbs if verb not in options()]
        if modules := re.findall(r"python -m (benchmarks\.\w+)", code):
            text = (ROOT / f"{modules[0].replace('.', '/')}.py").read_text(encoding="utf-8")
            wrong += [option for option in named if f'"{option}"' not in text]
        elif not any(other in code for other in OTHERS):
            known = set().union(*(options().get(verb, set()) for verb in verbs or options()))
            wrong += [f"{option} in: {code}" for option in sorted(named - known)]
    return wrong


@each_page()
def test_each_verb_and_option_is_one(page: Path) -> None:
    assert wrong_commands(page.read_text(encoding="utf-8")) == []


@each_page()
def test_each_setting_is_one(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    first = {table.partition(".")[0] for table in settings()[1]}
    spans = re.findall(r"`((?:[a-z_]+\.)+[a-z_0-9]+)(?: ?= ?([^`]+))?`", text)
    spans = [(key, value) for key, value in spans if key.partition(".")[0] in first]
    wrong = [key for key, _ in spans if not is_known(key) and Path(key).suffix not in (".json", ".jsonl")]
    for key, value in spans:
        if value and is_known(key):
            try:
                load_config(None, [f"{key}={value}"])
            except ConfigError as error:
                wrong.append(f"{key} = {value}: {error}")
    assert wrong == []


@each_page()
def test_each_table_of_toml_loads(page: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.toml"
    for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        path.write_text(block, encoding="utf-8")
        if "methods" in tomllib.loads(block):
            load_study(path, (), None)
        else:
            assert load_config(path) != RunConfig()


def test_each_setting_of_a_benchmark_is_one() -> None:
    first = {table.partition(".")[0] for table in settings()[1]}
    found = {
        (path.name, key)
        for path in (ROOT / "benchmarks").glob("*.py")
        for key in re.findall(r"[\"' ]((?:[a-z_]+\.)+[a-z_]+)=", path.read_text(encoding="utf-8"))
        if key.partition(".")[0] in first
    }
    assert len(found) > 20
    assert sorted((name, key) for name, key in found if not is_known(key)) == []


@each_page()
def test_each_file_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(rf"`((?:{FOLDERS})/[\w./-]+)", text))
    named |= {
        f"{name.replace('.', '/')}.py" for name in re.findall(r"python -m ((?:benchmarks|flows)\.\w+)", text)
    }
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_what_is_not_there_is_found() -> None:
    assert "build" in options()
    assert "sandbox check" in options()
    assert "--preview" in options()["build"]
    assert "--preview" not in options()["train"]
    text = (
        "`pairsmith bild`, `--dry-rum`\n```sh\npairsmith train --pairs 5k\npython -m benchmarks.served --no\n```"
    )
    assert wrong_commands(text) == [
        "--pairs in: pairsmith train --pairs 5k",
        "--no",
        "pairsmith bild",
        "--dry-rum in: --dry-rum",
    ]
    assert is_known("sampling.schedule.share")
    assert not is_known("sampling.temprature")


def test_each_promise_names_a_test_that_there_is() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text)
    assert len(named) > 20
    for file, name in named:
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{file}::{name}"
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all("`test_" in line for line in rows if line.split("|")[1].strip().endswith("."))
