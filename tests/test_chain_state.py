"""What of a run is stale, and why."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.state import (
    StageState,
    State,
    differences,
    examine_run,
    read_config,
    read_provenance,
    remembered,
)
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.problems.stage import placed_problems, split_shards
from pairsmith.schemas.config import RunConfig, load_config

NAMES = [stage.name for stage in table.STAGES]
LATER = NAMES[NAMES.index("programs") : NAMES.index("training")]


def examine(run: Path, config: RunConfig) -> dict[str, StageState]:
    return {one.stage: one for one in examine_run(run, config, shards(config))}


def shards(config: RunConfig) -> dict[str, LoadedProblems]:
    loaded = load_problems(config.problems, starter_folder(), config.run)
    return split_shards(loaded, config.shard_problems, placed_problems(config.run))


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Path:
    """A copy of a small finished run."""
    shutil.copytree(built, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def settings(config: Path, run: Path) -> Callable[..., RunConfig]:
    return lambda *overrides: load_config(config, [f"run={run}", *overrides])


def test_a_finished_run_is_done_under_its_own_configuration(run: Path) -> None:
    config = read_config(run)
    assert config is not None
    states = examine(run, config)
    assert {one.state for stage, one in states.items() if stage in (*LATER, "problems", "candidates")} == {
        State.DONE
    }
    assert states["training"].state is states["evaluation"].state is State.MISSING


@pytest.mark.parametrize(
    ("override", "stage", "reason", "behind"),
    [
        ("sampling.temperature=0.7", "candidates", "sampling.temperature: 0.8 -> 0.7", LATER),
        ("sandbox.cpu_s=9", "executions", "sandbox.cpu_s: 10 -> 9", ["verdicts", "pairs"]),
        ("syntax.near_threshold=0.9", "syntax", "syntax.near_threshold: 0.85 -> 0.9", ["pairs"]),
        ("pairs.max_per_problem=3", "pairs", "pairs.max_per_problem: 8 -> 3", []),
    ],
)
def test_a_changed_setting_is_named_where_it_matters(
    override: str, stage: str, reason: str, behind: list[str], settings: Callable[..., RunConfig], run: Path
) -> None:
    states = examine(run, settings(override))
    assert states[stage].state is State.STALE
    assert reason in states[stage].reasons
    for name in behind:
        assert states[name].state in (State.BEHIND, State.STALE), name
        assert f"follows on {stage} (stale)" in " ".join(states[name].reasons)
    assert states["problems"].state is State.DONE


POLICY = {"name": "best_of_n", "n": 8, "weight": 1.0}
LONG = ["a" * 80, "b"]


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ([POLICY], [POLICY | {"n": 4}], ["[best_of_n].n: 8 -> 4"]),
        (
            [POLICY],
            [POLICY | {"n": 4, "weight": 2.0}],
            ["[best_of_n].n: 8 -> 4", "[best_of_n].weight: 1.0 -> 2.0"],
        ),
        ([POLICY], [POLICY, {"name": "cleaner"}], [': ["best_of_n"] -> ["best_of_n", "cleaner"]']),
        ([], [POLICY], [': [] -> ["best_of_n"]']),
        ([{"path": "a"}], [{"path": "b"}], ['[0].path: "a" -> "b"']),
        ("a", LONG, [': "a" -> ["' + "a" * 55 + "..."]),
    ],
)
def test_of_a_changed_table_only_what_differs_is_named(before: object, after: object, reasons: list[str]) -> None:
    assert differences("k", json.dumps(before), json.dumps(after)) == [f"k{reason}" for reason in reasons]


def test_settings_that_change_no_row_make_nothing_stale(settings: Callable[..., RunConfig], run: Path) -> None:
    states = examine(run, settings("sandbox.workers=7", "sampling.batch_size=3", "sampling.concurrency=1"))
    assert all(states[stage].state is State.DONE for stage in LATER)


def test_a_problem_that_is_gone_is_named(settings: Callable[..., RunConfig], run: Path) -> None:
    states = examine(run, settings("problems.limit=4"))
    assert states["problems"].state is State.STALE
    assert "2 shards are of problems that the configuration no longer selects" in states["problems"].reasons
    assert "problems.limit: null -> 4" in states["problems"].reasons


def test_a_file_with_other_content_is_told(samples: Path, settings: Callable[..., RunConfig], run: Path) -> None:
    changed = run.parent / "samples.jsonl"
    changed.write_text(samples.read_text().replace("return", "return  ", 1))
    states = examine(
        run, settings().model_copy(update={"sampling": settings(f"sampling.samples={changed}").sampling})
    )
    assert states["candidates"].state is State.STALE
    assert "samples" in " ".join(states["candidates"].reasons)


def test_a_killed_stage_is_partial_and_what_follows_waits(settings: Callable[..., RunConfig], run: Path) -> None:
    folder = run / "executions"
    (folder / "manifest.json").unlink()
    (folder / "part-00001.parquet").unlink()
    states = examine(run, settings())
    assert states["executions"].state is State.PARTIAL
    assert states["executions"].reasons == ("3 of 4 shards made; not finished",)
    assert states["verdicts"].state is State.STALE  # one of its shards reads what is not there
    assert states["syntax"].state is State.BEHIND  # it reads what was judged


def test_newer_code_is_a_reason(
    settings: Callable[..., RunConfig], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = table.find_stage("verdicts").version
    raised = [replace(one, version=now + 1) if one.name == "verdicts" else one for one in table.STAGES]
    monkeypatch.setattr(table, "STAGES", tuple(raised))
    states = examine(run, settings())
    assert f"made by stage version {now}, now {now + 1}" in states["verdicts"].reasons


def test_problems_that_cannot_be_had_are_unknown_with_the_reason(
    settings: Callable[..., RunConfig], run: Path
) -> None:
    states = {one.stage: one for one in examine_run(run, settings(), "gone.jsonl: no such file")}
    assert states["problems"].state is State.UNKNOWN
    assert states["problems"].reasons == ("gone.jsonl: no such file",)
    assert states["candidates"].state is State.BEHIND


def test_what_a_killed_flow_finished_is_noted_with_its_own_settings(
    settings: Callable[..., RunConfig], run: Path
) -> None:
    (run / "made_with.json").unlink()  # as if the build had been killed after its last stage
    with remembered(settings("pairs.max_per_problem=3")):
        assert read_provenance(run)["pairs"].settings["pairs.max_per_problem"] == "8"
    assert read_provenance(run)["pairs"].settings["pairs.max_per_problem"] == "8"
    assert examine(run, settings("pairs.max_per_problem=3"))["pairs"].state is State.STALE


def test_each_setting_that_a_key_covers_is_kept() -> None:
    """Every section of the configuration that shapes rows is watched by some stage."""
    config = RunConfig()
    watched = {key.split(".")[0] for stage in table.STAGES for key in stage.settings_in(config)}
    not_rows = {"run", "prices", "gate", "rounds"}
    not_rows |= {"publish", "refresh", "schedule", "service", "synthesis", "engine", "store"}
    assert set(RunConfig.model_fields) - watched == not_rows & set(RunConfig.model_fields)


def test_settings_that_are_renamed_removed_or_new_since_are_no_reasons(
    settings: Callable[..., RunConfig], run: Path
) -> None:
    rows = json.loads((run / "made_with.json").read_text())
    kept = rows["standings"]["settings"]
    assert kept.pop("crosscheck.wall_s") == "3.0"  # as if it had come later
    old = {key.replace("crosscheck.", "truth."): value for key, value in kept.items()}
    rows["standings"]["settings"] = old | {"truth.min_programs": "3", "crosscheck.min_share": "0.6"}
    (run / "made_with.json").write_text(json.dumps(rows))
    state = examine(run, settings("crosscheck.n_mutants=3"))["standings"]
    assert state.state is State.STALE
    assert state.reasons == ("crosscheck.n_mutants: 0 -> 3",)
