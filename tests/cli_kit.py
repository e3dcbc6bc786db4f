"""What the tests of the command share: running it, a small run from files, checksums."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from pairsmith.flows.cli import app
from pairsmith.pipeline.chain.table import stage_folder, stored_stages
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder

N_PROBLEMS = 12
STAGES = stored_stages()


def run_pairsmith(*arguments: str | Path, home: Path, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        command_of(*arguments),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(home),
        check=False,
    )


def call_pairsmith(*arguments: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a verb in this process: one of its own takes seconds to begin. Flows need the fixture `prefect_here`."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    given = [str(argument) for argument in arguments]
    try:
        done = CliRunner().invoke(app, given, env=environment(home), prog_name="pairsmith")
    finally:
        logging.disable(logging.NOTSET)
        signal.set_wakeup_fd(-1)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(given, done.exit_code, done.stdout, done.stderr)


def help_of(*verbs: str) -> str:
    """Return the help of a verb, printed in this process: a process each takes two seconds."""
    done = CliRunner().invoke(app, [*verbs, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert done.exit_code == 0, done.output
    return done.stdout


def command_of(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pairsmith", *(str(argument) for argument in arguments)]


def environment(home: Path) -> dict[str, str]:
    server = home / "server"  # see the fixture `home`
    api = {"PREFECT_API_URL": server.read_text()} if server.is_file() else {}
    settings = {**api, "HOME": str(home), "PREFECT_HOME": str(home / "prefect"), "COLUMNS": "200", "NO_COLOR": "1"}
    return {**os.environ, **settings}


def write_samples(folder: Path) -> Path:
    """Write samples of starter problems: references and wrong solutions in several forms, no usable code."""
    rows = []
    for item in load_starter(starter_folder())[:N_PROBLEMS]:
        codes = [item.problem.reference, *(wrong.code for wrong in item.wrong)]
        texts = [f"```python\n{code}\n```" for code in codes]
        texts += [f"Sure!\n\n```\n{item.problem.reference}\n```\nThis works.", "I can't do that.", "def broken(:"]
        rows += [{"task_id": item.problem.problem_id, "solution": text} for text in texts]
    samples = folder / "samples.jsonl"
    samples.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return samples


def write_config(folder: Path, samples: Path) -> Path:
    """Write the configuration of a run of these samples; return its path."""
    items = load_starter(starter_folder())[:N_PROBLEMS]
    ids = ", ".join(json.dumps(item.problem.problem_id) for item in items)
    path = folder / "run.toml"
    path.write_text(
        f"""
run = "{folder / "run"}"
shard_problems = 3
[problems]
ids = [{ids}]
[sampling]
backend = "files"
samples = "{samples}"
n = 8
[sandbox]
backend = "bubblewrap"
[crosscheck]
n_inputs = 24
""",
        encoding="utf-8",
    )
    return path


def contents(run: Path) -> dict[str, list[str]]:
    """Return, stage by stage, the checksums of files; of executions, which hold seconds, the content's."""
    digests = {}
    for stage in STAGES:
        manifest = stage_folder(run, stage).manifest()
        assert manifest is not None, stage
        is_measured = stage == "executions"
        digests[stage] = [f"{file.name} {file.content if is_measured else file.sha256}" for file in manifest.files]
    return digests


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that a command failed with one line that holds these words, and no traceback."""
    assert done.returncode not in (0, 130), done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for word in words:
        assert re.search(re.escape(word), lines[0]), lines[0]
