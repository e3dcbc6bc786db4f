"""The state of a run, on a terminal: `pairsmith status`."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from pairsmith.flows.runtime.reporting import NAME_WIDTH, PROGRESS, time_left
from pairsmith.pipeline.chain import table as chain_table
from pairsmith.pipeline.chain.state import StageState, State, examine_run, read_config
from pairsmith.pipeline.chain.table import stored_stages
from pairsmith.pipeline.chain.tools import Stored, look
from pairsmith.pipeline.evaluation.round_config import list_rounds
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.stage import load_shards
from pairsmith.pipeline.report.tables import NoRunError, print_lines, print_table
from pairsmith.pipeline.report.words import counted
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.lock import is_locked
from pairsmith.pipeline.run.safe_text import visible
from pairsmith.schemas.config import ConfigError, RunConfig, load_config

_STYLES = {
    State.DONE: "green", State.STALE: "yellow", State.BEHIND: "yellow", State.PARTIAL: "cyan",
    State.UNKNOWN: "red",
}  # fmt: skip
_RUNS = Path("runs")


def show_status(target: str | None, overrides: Iterable[str], cache: Path, console: Console) -> None:
    """Print what of a run is done, running and stale, and why; without a target a line for each run of `runs`.

    A run that is kept in a store is shown as the store holds it.

    Args:
        target: a run folder or its address in a store, judged by the configuration that it keeps; or a TOML file,
            judged by that one.
        overrides: as of `--set`, on top of a TOML file.
    """
    if target is None:
        _show_runs(console)
        return
    subject = _find(target, list(overrides), cache)
    if rounds := list_rounds(subject.folder):
        _print_runs(rounds, console)
        _show_running(subject.work, console)
        return
    states = _states(subject.folder, subject.config, cache)
    is_at_work = is_locked(subject.work)
    if all(row.state is State.MISSING for row in states) and not is_at_work and not subject.words:
        raise NoRunError(f"{subject.title}: not a run folder; give a folder that `pairsmith build` wrote")
    print_lines(console, _sentence(states, subject))
    _print_states(states, console)
    print_lines(console, *subject.words)
    _show_running(subject.work, console)
    if subject.config is None:
        why = "the run's configuration is missing or no longer valid"
        print_lines(console, f"stale stages are unknown: {why}; give its TOML file: pairsmith status run.toml")


def _sentence(states: Sequence[StageState], subject: "_Subject") -> str:
    """Return the state of a run, and what to do next, in one line."""
    n_done = sum(row.state is State.DONE for row in states)
    pairs = next((f", {counted(row.n_rows, 'pair')}" for row in states if row.stage == "pairs" and row.n_rows), "")
    if is_locked(subject.work):
        return f"{subject.title} is running: {n_done} of {len(states)} parts done{pairs}"
    open_parts = [row for row in states if row.state is not State.DONE]
    if not open_parts:
        return f"{subject.title} is done{pairs}; next: pairsmith view {subject.title}"
    first = open_parts[0]
    verb = {"training": "train", "evaluation": "evaluate"}.get(first.stage, "build")
    return (
        f"{subject.title}: {n_done} of {len(states)} parts done{pairs}; {first.stage} is {first.state}; "
        f"next: pairsmith {verb} {_config_of(subject)}"
    )


def _config_of(subject: "_Subject") -> str:
    """Return the TOML file with which a user resumes a run."""
    kept = subject.folder / "config.toml"
    return subject.toml or (str(kept) if kept.is_file() and "://" not in subject.title else "run.toml")


def show_next(console: Console) -> None:
    """Print what to do next in the folder that the command was called in."""
    files = [path for path in sorted(Path().glob("*.toml")) if _is_config(path)]
    if _RUNS.is_dir() and (runs := _print_runs(sorted(_RUNS.iterdir()), console)):
        newest = max(runs, key=lambda run: run.stat().st_mtime)
        lines = [f"state of a run and its next step: pairsmith status {newest}"]
        lines += [f"another run: pairsmith build {path} --dry-run" for path in files[:1]]
    elif files:
        lines = [f"{files[0]} has no run yet; next: pairsmith build {files[0]} --dry-run"]
    else:
        lines = [
            "this folder contains no run; start with one of:",
            "  pairsmith demo                             the whole chain on small problems, 7 minutes",
            "  pairsmith init run.toml                    a configuration for your own model and problems",
            "  pairsmith judge humaneval samples.jsonl    judge your own samples",
        ]
    print_lines(console, *lines, "all verbs: pairsmith --help")


def _is_config(path: Path) -> bool:
    try:
        load_config(path)
    except (ConfigError, OSError):
        return False
    return True


@dataclass(frozen=True)
class _Subject:
    """The run whose status is shown."""

    title: str  # its folder, or its address in a store
    folder: Path  # where its files are
    work: Path  # folder that a process of this machine works in
    config: RunConfig | None  # what it is judged by
    words: tuple[str, ...] = ()  # what the store says, a line each
    toml: str = ""  # file that was named


def _find(target: str, overrides: list[str], cache: Path) -> _Subject:
    is_address = "://" in target
    if not is_address and not Path(target).is_dir():
        if not Path(target).exists():
            raise NoRunError(f"{target}: no such run folder or TOML file")
        config = load_config(Path(target), overrides)
        if config.store:
            return _in_store(config.store, look(config.store, cache, config.run), config.run, config)
        if not config.run.is_dir():
            raise NoRunError(f"{config.run}: no such run folder; run `pairsmith build` first")
        return _Subject(str(config.run), config.run, config.run, config, toml=target)
    if overrides:
        raise ConfigError("--set needs a configuration: give the TOML file instead of the run folder")
    if is_address:
        stored = look(target, cache)
        return _in_store(target, stored, stored.run, read_config(stored.run))
    return _Subject(target, Path(target), Path(target), read_config(Path(target)))


def _in_store(address: str, stored: Stored, work: Path, config: RunConfig | None) -> _Subject:
    if stored.is_empty and not stored.words:
        raise NoRunError(f"{address}: nothing found; check the address and its permissions, or build the run")
    judged = config.model_copy(update={"run": stored.run}) if config is not None else None
    return _Subject(address, stored.run, work, judged, stored.words)


def _states(run: Path, config: RunConfig | None, cache: Path) -> list[StageState]:
    """Return the states of the stages; without a configuration only whether they are there."""
    if config is not None:
        return examine_run(run, config, _load(config, cache))
    states = []
    for stage in chain_table.STAGES:
        if stage.record is None:
            is_done = (run / stage.name / stage.last_file).is_file()
            states.append(StageState(stage.name, State.DONE if is_done else State.MISSING))
            continue
        folder = chain_table.stage_folder(run, stage.name)
        names = folder.shard_names()
        state = State.DONE if folder.manifest() is not None else State.PARTIAL if names else State.MISSING
        states.append(StageState(stage.name, state, sum(map(folder.n_rows, names)), len(names), len(names)))
    return states


def _load(config: RunConfig, cache: Path) -> dict[str, LoadedProblems] | str:
    """Return the problems that a configuration names by shard, or why they can't be had."""
    try:
        return load_shards(config, cache, lambda line: None)
    except (PairsmithError, ConfigError, OSError) as error:
        return " ".join(str(error).split())


def _print_states(states: Iterable[StageState], console: Console) -> None:
    stored, table = stored_stages(), []
    for one in states:
        shards = f"{one.n_current} of {one.n_shards}" if one.n_shards and one.stage in stored else ""
        rows = f"{one.n_rows:,}" if one.stage in stored and one.state is not State.MISSING else ""
        state = Text(str(one.state), _STYLES.get(one.state, "dim"))
        table.append((one.stage, state, rows, shards, "\n".join(map(visible, one.reasons))))
    header = ("stage", "state", "rows", "shards", "why")
    n_columns = 5 if any(row[-1] for row in table) else 4
    print_table(console, header[:n_columns], [row[:n_columns] for row in table])


def _show_runs(console: Console) -> None:
    runs = sorted(_RUNS.iterdir()) if _RUNS.is_dir() else []
    if not _print_runs(runs, console):
        raise NoRunError(f"{_RUNS}: contains no run; give a run folder, or the TOML file of a run")


def _print_runs(runs: Iterable[Path], console: Console) -> list[Path]:
    """Print a line for each folder that is a run; return these."""
    rows, shown = [], []
    for run in runs:
        done = [row for row in _states(run, None, _RUNS) if row.state is State.DONE] if run.is_dir() else []
        now = "running" if is_locked(run) else ""
        if done or now:
            pairs = next((f"{row.n_rows:,}" for row in done if row.stage == "pairs"), "")
            last = f"up to {done[-1].stage}" if done else ""
            rows.append((str(run), last, pairs, now))
            shown.append(run)
    if rows:
        print_table(console, ("run", "done", "pairs", "state"), rows)
    return shown


def _show_running(run: Path, console: Console) -> None:
    if not is_locked(run):
        return
    try:
        progress: dict[str, Any] = json.loads((run / PROGRESS).read_text(encoding="utf-8"))
        rows = [
            f"{row['stage']:<{NAME_WIDTH}} {row['n_done']:>6} of {row['total']} {row['unit']} {row['rate']:.1f}/s"
            + time_left(row["left_s"])
            for row in progress["stages"]
        ]
        print_lines(console, f"running now, process {int(progress['pid'])}", *rows)
    except (OSError, ValueError, KeyError, TypeError):
        print_lines(console, "running now")
