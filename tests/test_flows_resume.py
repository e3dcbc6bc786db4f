"""Runs that are repeated, changed, killed and stopped: what is there stays, and the end is the same."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from pairsmith import make_pairs
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.schemas.config import load_config
from tests.cli_kit import N_PROBLEMS, STAGES, call_pairsmith, command_of, contents, environment, run_pairsmith

pytestmark = pytest.mark.usefixtures("prefect_here")


def test_build_makes_every_stage_and_a_report(built: Path) -> None:
    for stage in STAGES:
        manifest = stage_folder(built, stage).manifest()
        assert manifest is not None, stage
        assert manifest.n_out > 0, stage
    verdicts = stage_folder(built, "verdicts").manifest()
    assert verdicts is not None
    assert verdicts.counts["label.passed"] == 2 * N_PROBLEMS
    assert verdicts.counts.get("label.undecided", 0) == 0
    assert (built / "report.html").stat().st_size > 10_000


def test_the_pairs_load_as_a_dataset(built: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    files = {split: str(built / "pairs" / f"{split}-*.parquet") for split in ("train", "test")}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))
    row = loaded["train"][0]
    assert [message["role"] for message in row["prompt"] + row["chosen"]] == ["user", "assistant"]
    assert not set(loaded["train"]["problem_id"]) & set(loaded["test"]["problem_id"])


def test_own_verdicts_that_equal_the_chains_give_the_same_pairs(config: Path, tmp_path: Path, home: Path) -> None:
    run = tmp_path / "run"
    done = call_pairsmith("build", config, "--set", f"run={run}", "--set", "crosscheck.n_inputs=0", home=home)
    assert done.returncode == 0, done.stderr
    candidates, verdicts = (pl.read_parquet(run / stage / "*.parquet") for stage in ("candidates", "verdicts"))
    table = candidates.join(verdicts, on=["candidate_id", "problem_id"]).sample(fraction=1.0, shuffle=True, seed=1)
    made = make_pairs(table, problems=stage_folder(run, "problems").read_all())
    chains = pl.read_parquet(run / "pairs" / "*.parquet").sort("split", "pair_id")
    assert len(made) > 5
    assert made.table.equals(chains.select(made.table.columns))


def test_pairs_made_shard_by_shard_are_those_of_all_at_once(
    config: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairsmith.pipeline.pairing.stage.PART_CANDIDATES", 1)
    monkeypatch.setattr("pairsmith.pipeline.pairing.export._SHARD_ROWS", 10**6)
    run = tmp_path / "run"
    shutil.copytree(built, run, ignore=shutil.ignore_patterns("pairs", "dataset", "pairing.json"))
    settings = load_config(config, [f"run={run}"])
    assert len(stage_folder(run, "candidates").shard_names()) > 1
    Chain(run, settings).ensure_whole("pairs")
    assert contents(run) == contents(built)
    assert (run / "pairing.json").read_bytes() == (built / "pairing.json").read_bytes()
    assert not (run / "pairing.partial").exists()


def test_a_second_run_makes_nothing_again(config: Path, built: Path, home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.glob("*/*.parquet")}
    done = call_pairsmith("build", config, home=home)
    assert done.returncode == 0
    assert done.stdout.count("rows reused") == len(STAGES)
    assert {path: path.stat().st_mtime_ns for path in built.glob("*/*.parquet")} == before


def test_a_changed_setting_redoes_only_what_depends_on_it(config: Path, built: Path, home: Path) -> None:
    done = call_pairsmith("build", config, "--set", "pairs.max_per_problem=1", home=home)
    assert done.returncode == 0
    assert done.stdout.count("rows reused") == len(STAGES) - 1
    pairs = stage_folder(built, "pairs").read_all()
    assert len(pairs) == len({pair.problem_id for pair in pairs})
    assert call_pairsmith("build", config, home=home).returncode == 0


def begin(
    config: Path, run: Path, home: Path, own_group: bool = True, until: str = "candidates/*.parquet"
) -> "subprocess.Popen[str]":
    """Start a build; return it when a file of this pattern is in its run."""
    process = subprocess.Popen(
        command_of("build", config, "--set", f"run={run}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
        start_new_session=own_group,
    )
    deadline = time.monotonic() + 200
    while not any(run.glob(until)):
        assert process.poll() is None, f"it ended before {until} was there"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return process


@pytest.mark.nightly
def test_a_run_that_is_killed_again_and_again_goes_on_and_ends_the_same(
    config: Path, built: Path, home: Path, tmp_path: Path
) -> None:
    """While it draws, while sandboxes work, after the overlapped stages, and in one that is made whole."""
    run = tmp_path / "run"
    for stage in ("candidates", "executions", "standings", "pairs"):
        with begin(config, run, home, until=f"{stage}/*.parquet*") as process:  # a shard, or the beginning of one
            os.killpg(process.pid, signal.SIGKILL)
    done = call_pairsmith("build", config, "--set", f"run={run}", home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(run) == contents(built)
    assert (run / "report.html").read_bytes() == (built / "report.html").read_bytes()
    assert not list(run.rglob("*.partial"))


def assert_stopped(process: "subprocess.Popen[str]", number: signal.Signals, timeout_s: float) -> None:
    _, errors = process.communicate(timeout=timeout_s)
    assert process.returncode == 128 + number, errors
    assert errors.strip().splitlines() == ["stopped; results so far are kept, and the same command resumes"]


SIGNALS = [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.nightly)]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_one_line_and_keeps_what_is_there(
    config: Path, home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    process = begin(config, run, home, own_group=False)
    process.send_signal(number)
    assert_stopped(process, number, 60)
    assert pq.read_metadata(next(run.glob("problems/*.parquet"))).num_rows > 0


@pytest.mark.nightly
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_the_whole_group_stops_it_and_the_run_goes_on(
    config: Path, built: Path, home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """As Ctrl-C in a terminal does it: Prefect's temporary server is in the group, and must not be missed.

    No server is needed beforehand, neither for the run that is stopped nor for the one that goes on.
    """
    run = tmp_path / "run"
    process = begin(config, run, tmp_path)  # a home where no server runs yet
    os.killpg(process.pid, number)
    assert_stopped(process, number, 40)  # Prefect's client alone tries for 62 s
    done = run_pairsmith("build", config, "--set", f"run={run}", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(run) == contents(built)


def guarded(work: str) -> list[str]:
    """Return the command of a process whose work is these lines, guarded as that of a verb."""
    lines = [
        "import os, signal, threading, time",
        "from pairsmith.flows.cli.shared import guard",
        "def work():",
        *(f"    {line}" for line in work.strip().splitlines()),
        "try:",
        "    guard(work)",
        "except BaseException as error:",
        "    raise SystemExit(error.exit_code)",
    ]
    return [sys.executable, "-c", "\n".join(lines)]


ANOTHER_ERROR = """
def handle(number, frame):
    raise RuntimeError("a sandbox ended")
signal.signal(signal.SIGTERM, handle)  # as Prefect does
os.kill(os.getpid(), signal.SIGTERM)
"""
STILL_BUSY = """
threading.Thread(target=time.sleep, args=(60,)).start()  # such as a model's batch
os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.slow
def test_a_signal_that_libraries_make_another_error_of_is_still_a_signal() -> None:
    done = subprocess.run(guarded(ANOTHER_ERROR), capture_output=True, text=True, check=False)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert done.stderr.startswith("stopped; ")


@pytest.mark.slow
def test_who_asks_twice_does_not_wait_for_a_thread_and_sees_no_traceback() -> None:
    with subprocess.Popen(guarded(STILL_BUSY), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("stopped; ")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == -signal.SIGINT
        assert process.stderr.read() == ""


def test_a_preview_shows_all_of_few_problems_and_leaves_the_run_alone(config: Path, home: Path) -> None:
    arguments = ("--set", f'run="{config.parent / "looked"}"', "--set", "sampling.n=3")
    done = call_pairsmith("build", config, "--preview", "2", *arguments, home=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("== problem ") == 2
    assert done.stdout.count("-- completion") == done.stdout.count("verdict: ") == 6
    assert "-- chosen, passes" in done.stdout
    assert "12 problems of starter" in done.stdout.partition("-- the whole run")[2]
    assert not (config.parent / "looked").exists()
    assert (config.parent / "looked-preview" / "pairs").is_dir()
