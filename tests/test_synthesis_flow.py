"""A whole synthesis with a scripted model whose right answers are known; one that is killed in every step."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline import synthesis as made
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import JudgedBy
from tests.cli_kit import call_pairsmith, command_of, environment
from tests.openai_server import Answer, Server, serving
from tests.synthesis_kit import SCENARIOS, script, write_config

pytestmark = pytest.mark.usefixtures("prefect_here")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        server.script = script
        yield server


@pytest.fixture(scope="module")
def done(server: Server, home: Path, prefect_here: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a synthesis that nobody disturbed; its run is in `run`."""
    folder = tmp_path_factory.mktemp("synthesis")
    ended = call_pairsmith("synthesize", write_config(folder, server.url), home=home)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (folder / "stdout").write_text(ended.stdout)
    return folder


def test_exactly_the_right_problems_are_kept(done: Path) -> None:
    cards = made.open_stage(done / "run", "cards").read_all()
    found = {card.problem_id.partition("/")[2].partition("-")[0]: card.reason for card in cards}
    expected = {
        one.entry_point: one.reason for one in SCENARIOS if one.entry_point and one.reason != "said_before"
    }
    assert found == expected
    loaded = load_problems(
        ProblemsConfig(source="jsonl", path=done / "run" / "synthesis" / "problems.jsonl"), starter_folder()
    )
    assert not loaded.dropped
    assert {problem.entry_point for problem in loaded.problems} == {
        one.entry_point for one in SCENARIOS if one.kept
    }
    assert {problem.judged_by for problem in loaded.problems} == {JudgedBy.CASES}
    kept_cards = [card for card in cards if not card.reason]
    assert {card.models for card in kept_cards} == {("scripted",)}
    assert {card.pass_rate for card in kept_cards} == {0.6, 0.7}


def test_what_led_to_nothing_is_counted(done: Path) -> None:
    chain = made.step_chain(done / "run", "instructions")
    asked = stage_folder(chain, "problems").manifest()
    assert asked is not None
    assert asked.dropped == {"no_concepts": 1}
    stated = stage_folder(made.step_chain(done / "run", "responses"), "problems").manifest()
    assert stated is not None
    assert stated.dropped == {"no_signature": 1, "said_before": 1}
    seeds = made.open_stage(done / "run", "seeds").manifest()
    assert seeds is not None
    assert seeds.dropped == {"too_short": 1, "file:encoding": 1}
    agreements = made.open_stage(done / "run", "agreements").manifest()
    assert agreements is not None
    assert agreements.counts["test.about_another_function"] >= 2
    assert agreements.counts["test.broken_assert"] >= 1


def test_no_lie_of_a_test_is_a_case_and_no_wrong_response_is_chosen(done: Path) -> None:
    rows = [json.loads(line) for line in (done / "run/synthesis/problems.jsonl").read_text().splitlines()]
    evens = next(row for row in rows if row["entry_point"] == "count_evens")
    assert "assert count_evens([10, 12, 3]) == 2" in evens["tests"]  # the suite said 1
    assert evens["provenance"]["path"] == "seeds.py"
    standings = made.open_stage(done / "run", "standings").read_all()
    by_id = {row.candidate_id: row for row in standings}
    answers = stage_folder(made.step_chain(done / "run", "responses"), "candidates").read_all()
    labels: Counter[tuple[bool, str]] = Counter()
    for answer in answers:
        own = next(one for one in SCENARIOS if f"def {one.entry_point}(" in answer.prompt)
        if own.kept:
            labels[own.is_right(answer.completion), by_id[answer.candidate_id].standing] += 1
    assert labels[True, "chosen"] == 13  # all of them
    assert labels[False, "chosen"] == labels[True, "rejected"] == 0
    assert labels[False, "rejected"] > labels[False, "undecided"]


def test_the_dry_run_asks_nothing_and_tells_the_plan(
    done: Path, server: Server, home: Path, tmp_path: Path
) -> None:
    n_before = len(server.paths)
    config = write_config(tmp_path, server.url)
    ended = call_pairsmith("synthesize", config, "--dry-run", home=home)
    assert ended.returncode == 0, ended.stderr
    assert "10 of 11 functions in 2 files" in ended.stdout
    assert "forecast:" in ended.stdout
    assert len(server.paths) == n_before
    assert not (tmp_path / "run").exists()


STEPS = (
    "seeds",
    "concepts/candidates",
    "instructions/candidates",
    "responses/candidates",
    "tests/candidates",
    "answers",
    "agreements",
)


def test_other_thresholds_ask_nothing_and_run_nothing(
    done: Path, server: Server, home: Path, tmp_path: Path
) -> None:
    config, run = write_config(tmp_path, server.url), tmp_path / "run"
    shutil.copytree(done / "run", run)

    def stage(name: str) -> dict[Path, tuple[int, bytes]]:
        paths = sorted((run / "synthesis" / name).glob("*.parquet"))
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}

    def refuse(body: dict[str, Any], n: int) -> Answer:
        raise AssertionError("it asked")

    answers, standings = stage("answers"), stage("standings")
    server.script = refuse
    try:
        ended = call_pairsmith(
            "synthesize", config, "--set", "synthesis.agreement.rejected_posterior=0.0", home=home
        )
    finally:
        server.script = script
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert answers
    assert stage("answers") == answers
    assert stage("standings").keys() == standings.keys()
    assert all(stage("standings")[path] != standings[path] for path in standings)


def stored(run: Path) -> set[tuple[str, str, int]]:
    """Return model, prompt and seed of every sample that a run's store holds."""
    with sqlite3.connect(run / "samples.sqlite") as database:
        rows = [json.loads(zlib.decompress(row)) for (row,) in database.execute("SELECT row FROM sample")]
    return {(row["model"], row["prompt"], row["seed"]) for row in rows}


# While it asks for the first time and for tests, while sandboxes work, and behind these.
FEW_STEPS = ("concepts/candidates", "tests/candidates", "answers", "agreements")


@pytest.mark.parametrize("steps", [FEW_STEPS, pytest.param(STEPS, marks=pytest.mark.nightly)], ids=["four", "all"])
def test_a_run_killed_in_its_steps_draws_nothing_twice_and_ends_the_same(
    done: Path, server: Server, home: Path, tmp_path: Path, steps: tuple[str, ...]
) -> None:
    config, run = write_config(tmp_path, server.url), tmp_path / "run"
    asked: Counter[tuple[str, str, int]] = Counter()

    def noting(body: dict[str, Any], n: int) -> Answer:
        for number in range(body["n"]):
            asked[body["model"], body["messages"][-1]["content"], body["seed"] + number] += 1
        return script(body, n)

    server.script = noting
    kept: set[tuple[str, str, int]] = set()
    try:
        for step in steps:
            process = subprocess.Popen(
                command_of("synthesize", config),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(home),
                start_new_session=True,
            )
            deadline = time.monotonic() + 120
            while not any(run.glob(f"synthesis/{step}/*.parquet*")):
                assert process.poll() is None, f"{step}: it ended before it could be killed"
                assert time.monotonic() < deadline
                time.sleep(0.002)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert not kept & set(asked), step  # what was there before was not asked again
            asked.clear()
            kept = stored(run) if (run / "samples.sqlite").is_file() else set()
        ended = call_pairsmith("synthesize", config, home=home)
    finally:
        server.script = script
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert kept == stored(run)
    assert not asked  # the last kill came after the last draw
    for name in ("problems.jsonl", "cards/manifest.json", "agreements/manifest.json"):
        assert (run / "synthesis" / name).read_text() == (done / "run" / "synthesis" / name).read_text(), name
