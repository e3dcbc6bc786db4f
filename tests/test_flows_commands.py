"""The command as a whole: every verb shows an example, the shell completes it, exit codes are as documented."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer.main
from rich.console import Console

import pairsmith.flows.cli
from pairsmith.flows.cli.shared import EXIT_CODES, app
from pairsmith.flows.cli.status import show_next
from pairsmith.flows.cli.training import find_study
from pairsmith.flows.reference import FOLDER
from pairsmith.pipeline.report.tables import print_table
from pairsmith.schemas.config import load_config
from pairsmith.schemas.config.study import load_study
from tests.cli_kit import assert_one_line, call_pairsmith, command_of, environment, run_pairsmith
from tests.report_run import make_run


def verbs(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, (*path, name))
        else:
            yield (*path, name), command


VERBS = list(verbs(typer.main.get_command(app)))


@pytest.mark.parametrize(
    ("path", "command"), VERBS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_each_verb_shows_an_example_of_itself(path: tuple[str, ...], command: Any) -> None:
    assert "Example" in command.help
    assert f"`pairsmith {' '.join(path)}" in command.help
    missing = [option.opts for option in command.params if option.param_type_name == "option" and not option.help]
    assert missing == []


@pytest.mark.parametrize(
    ("path", "command"), VERBS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_each_example_is_a_call_of_its_verb(path: tuple[str, ...], command: Any) -> None:
    examples = map(shlex.split, re.findall(r"`pairsmith ([^`]+)`", command.help))
    own = [
        words[len(path) :] for words in examples if words[: len(path)] == list(path)
    ]  # others name another verb
    assert own
    for words in own:
        given = command.make_context(" ".join(path), words).params
        overrides = given.get("overrides") or []
        # each --set names a setting, with a value that it may have
        assert (
            load_study(find_study(given["study"]), overrides) if "study" in given else load_config(None, overrides)
        )


def test_without_a_verb_it_says_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said() -> str:
        show_next(Console(width=200))
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    assert "pairsmith demo" in said()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    assert "pairsmith demo" in said()
    (tmp_path / "mine.toml").write_text('run = "runs/mine"\n')
    assert "pairsmith build mine.toml --dry-run" in said()
    make_run(tmp_path / "runs" / "mine", n=1)
    told = said()
    assert f"pairsmith status {Path('runs/mine')}" in told


def test_a_table_has_numbers_on_the_right_and_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(Console(width=80), ("name", "n"), [("[red]a[/red]\x1b[2J", 1234), ("b", 5)])
    shown = capsys.readouterr().out
    assert "1,234" in shown
    assert "│     5 │" in shown
    assert "[red]a[/red]" in shown
    assert "\x1b" not in shown


def test_the_command_is_that_of_the_verbs() -> None:
    assert {path[0] for path, _ in VERBS} >= {"build", "init", "status", "explain", "view", "inspect"}
    assert callable(pairsmith.flows.cli.main)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_verbs_options_and_keys(shell: str, home: Path) -> None:
    script = Path(sys.executable).parent / "pairsmith"
    if not script.is_file():
        pytest.skip("the command is not installed beside this Python")

    def complete(*words: str) -> str:
        line = " ".join(words)
        asked = {
            "_PAIRSMITH_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
            "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }  # fmt: skip
        variables = {**environment(home), **asked}
        return subprocess.run([script], env=variables, capture_output=True, text=True, check=False).stdout

    assert "status" in complete("pairsmith", "sta")
    assert "--preview" in complete("pairsmith", "build", "--pre")
    keys = complete("pairsmith", "build", "--set", "sandbox.w")
    assert "sandbox.workers=" in keys
    assert "sampling.n=" not in keys


def test_exit_codes_are_as_documented(home: Path, tmp_path: Path) -> None:
    assert call_pairsmith("init", tmp_path / "a.toml", home=home).returncode == 0
    assert call_pairsmith("init", tmp_path / "a.toml", home=home).returncode == 1
    assert run_pairsmith("init", "--no-such-option", home=home).returncode == 2
    page = (FOLDER / "commands.md").read_text(encoding="utf-8")
    assert [code for code in EXIT_CODES if f"| {code} | " not in page] == []


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    with subprocess.Popen(
        command_of("init", "-"), env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        told = process.stderr.read()
    assert told == b""
    assert process.returncode == 141


@pytest.mark.slow
def test_the_command_itself_loads_nothing_heavy() -> None:
    heavy = {"sklearn", "numpy", "pyarrow", "polars", "prefect", "torch", "transformers", "datasets", "jinja2"}
    code = f"import sys, pairsmith.flows.cli; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_fault_in_the_problems_is_reported_before_prefect_starts(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_text(json.dumps({"id": "a", "prompt": "p", "tests": ["assert f(1) == 1"]}) + "\n")
    given = [f"run={tmp_path / 'run'}", "problems.source=jsonl", f"problems.path={path}"]
    command = command_of("build", *(part for one in given for part in ("--set", one)))
    variables = {**environment(home), "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert_one_line(done, "unknown column 'id'; did you mean 'problem_id'?")


def test_the_version_is_printed(home: Path) -> None:
    assert call_pairsmith("--version", home=home).stdout == f"pairsmith {version('pairsmith')}\n"


@pytest.mark.parametrize("verb", ["status", "inspect", "build", "build --dry-run"])
def test_verbs_that_make_nothing_load_nothing_heavy(verb: str, built: Path, config: Path, home: Path) -> None:
    """A build with nothing to do is one of them. It starts no server."""
    heavy = {"prefect", "sklearn", "torch", "fastapi", "pandas"}
    code = f"""
import sys
from pairsmith.flows.cli import app
app({[*verb.split(), str(built if verb == "inspect" else config)]!r}, standalone_mode=False)
print("loaded", sorted({heavy!r} & set(sys.modules)))
"""
    variables = {**environment(home), "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded []"
    if verb == "build":
        assert "pairs " in done.stdout
        assert "rows reused" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["train", "--set", "run=nowhere"],
            "nowhere/dataset: no such folder of pairs; run `pairsmith build` first",
        ),
        (["publish"], "no repository to publish to; set publish.dataset=owner/name"),
        (["publish", "--set", "publish.dataset=me/x", "--set", "run=nowhere"], "nowhere: no dataset"),
        (["inspect", "nowhere"], "nowhere: no such run folder"),
        (["repeats", "nowhere"], "nowhere: no such run folder"),
        (["view", "nowhere"], "nowhere: no such run folder"),
        (["status", "nowhere"], "nowhere: no such run folder or TOML file"),
        (
            ["study", "nowhere"],
            "nowhere: neither a TOML file nor an included study: narrowing, reward_free",
        ),
        (["explain", "abc123"], "abc123: `runs` contains no run"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_opened(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr("pairsmith.flows.cli.shared.prepare_libraries")  # it loads Prefect
    done = call_pairsmith(*arguments, home=tmp_path)
    assert done.stderr.startswith(f"error: {words}")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "there", "absent"),
    [
        (["train"], ["training"], ["completions", "evaluation", "forecast"]),
        (["evaluate"], ["evaluation"], ["completions", "training", "forecast"]),
        (["refresh"], ["completions", "forecast", "published nowhere"], ["training"]),
        (
            ["refresh", "--set", "refresh.retrain=true", "--set", "publish.dataset=me/x"],
            ["training", "published to dataset me/x"],
            [],
        ),
        (["build"], ["completions", "training", "evaluation", "forecast"], ["published"]),
    ],
)
def test_a_dry_run_tells_what_its_verb_would_do(
    arguments: list[str], there: list[str], absent: list[str], tmp_path: Path
) -> None:
    shown = call_pairsmith(*arguments, "--dry-run", "--set", f"run={tmp_path / 'run'}", home=tmp_path).stdout
    assert [word for word in there if word not in shown] == []
    assert [word for word in absent if word in shown] == []
    assert not (tmp_path / "run").exists()


def test_a_limit_without_a_set_is_wrong_usage(tmp_path: Path) -> None:
    done = call_pairsmith("evaluate", "--limit", "3", home=tmp_path)
    assert done.returncode == 2
    assert "problems.limit" in done.stderr
