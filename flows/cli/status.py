"""How a run stands, on a terminal: `pairsmith status`."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pairsmith.flows.inspecting import NoRunError
from pairsmith.flows.runtime.reporting import PROGRESS, duration
from pairsmith.flows.runtime.waves import draws_of
from pairsmith.pipeline.chain import table as chain_table
from pairsmith.pipeline.chain.provenance import read_config
from pairsmith.pipeline.chain.state import StageState, State, examine_run
from pairsmith.pipeline.chain.stored import Stored, look
from pairsmith.pipeline.chain.table import stored_stages
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.stage import load_shards
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.lock import is_locked
from pairsmith.pipeline.run.safe_text import visible
from pairsmith.schemas.config import ConfigError, RunConfig, load_config

_STYLES = {
    State.DONE: "green",
    State.STALE: "yellow",
    State.BEHIND: "yellow",
    State.PARTIAL: "cyan",
    State.UNKNOWN: "red",
}
_RUNS = Path("runs")


def show_status(target: str | None, overrides: Iterable[str], cache: Path, console: Console) -> None:
    """Print what of a run is done, running and stale, and why; without a target a line for each run of `runs`.

    A run that is kept in a store is shown as the store holds it.

    Args:
        target: a run folder or its address in a store, judged by the configuration that it keeps; or a TOML file,
            judged by that one.
        overrides: as of `--set`, on top of a TOML file.
        cache: folder of published problems that were fetched, and of copies from stores.
        console: where to.

    Raises:
        NoRunError: if there is no run.
        ConfigError: if the TOML file can't be used, or overrides come without one.
        StoreError: if the store can't be used.
    """
    if target is None:
        _show_runs(console)
        return
    told = _find(target, list(overrides), cache)
    states = _states(told.folder, told.config, cache)
    is_at_work = is_locked(told.work)
    if all(one.state in (State.MISSING, State.OFF) for one in states) and not is_at_work and not told.words:
        raise NoRunError(f"{told.title}: nothing of a run in there; name what `pairsmith build` wrote")
    console.print(_table(states, told.title))
    for line in told.words:
        console.print(visible(line), highlight=False, markup=False)
    _say_running(told.work, console)
    if told.config is None:
        console.print(
            "what is stale can't be told: the run's configuration was not kept, or does not load any more; "
            "name its TOML file: pairsmith status run.toml",
            highlight=False,
        )


@dataclass(frozen=True)
class _Told:
    """What is to be told of.

    Attributes:
        title: its folder, or its address in a store.
        folder: where its files are.
        work: folder that a process of this machine works in.
        config: what it is judged by.
        words: what the store tells, a line each.
    """

    title: str
    folder: Path
    work: Path
    config: RunConfig | None
    words: tuple[str, ...] = ()


def _find(target: str, overrides: list[str], cache: Path) -> _Told:
    is_address = "://" in target
    if not is_address and not Path(target).is_dir():
        if not Path(target).exists():
            raise NoRunError(f"{target}: no such run folder, and no such TOML file")
        config = load_config(Path(target), overrides)
        if config.store:
            return _in_store(config.store, look(config.store, cache, config.run), config.run, config)
        if not config.run.is_dir():
            raise NoRunError(f"{config.run}: no such run folder; `pairsmith build` makes it")
        return _Told(str(config.run), config.run, config.run, config)
    if overrides:
        raise ConfigError("--set needs a configuration: name the TOML file instead of the run folder")
    if is_address:
        stored = look(target, cache)
        return _in_store(target, stored, stored.run, read_config(stored.run))
    return _Told(target, Path(target), Path(target), read_config(Path(target)))


def _in_store(address: str, stored: Stored, work: Path, config: RunConfig | None) -> _Told:
    if stored.is_empty and not stored.words:
        raise NoRunError(f"{address}: nothing is there; look at the address, and at who may read it, or build it")
    judged = config.model_copy(update={"run": stored.run}) if config is not None else None
    return _Told(address, stored.run, work, judged, stored.words)


def _states(run: Path, config: RunConfig | None, cache: Path) -> list[StageState]:
    """Return how the stages stand; without a configuration only whether they are there."""
    if config is not None:
        return examine_run(run, config, _load(config, cache), draws_of(run, config))
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


def _table(states: Iterable[StageState], title: str) -> Table:
    stored, table = stored_stages(), Table("stage", "state", "rows", "shards", "why", title=Text(visible(title)))
    for one in states:
        shards = f"{one.n_current} of {one.n_shards}" if one.n_shards and one.stage in stored else ""
        rows = str(one.n_rows) if one.stage in stored and one.state is not State.MISSING else ""
        why = Text(visible("\n".join(one.reasons)))
        table.add_row(one.stage, Text(str(one.state), _STYLES.get(one.state, "dim")), rows, shards, why)
    return table


def _show_runs(console: Console) -> None:
    table = Table("run", "done", "pairs", "now")
    for run in sorted(_RUNS.iterdir()) if _RUNS.is_dir() else ():
        done = [one for one in _states(run, None, _RUNS) if one.state is State.DONE] if run.is_dir() else []
        now = "running" if is_locked(run) else ""
        if done or now:
            pairs = next((str(one.n_rows) for one in done if one.stage == "pairs"), "")
            last = f"up to {done[-1].stage}" if done else ""
            table.add_row(Text(visible(str(run))), last, pairs, now)
    if not table.row_count:
        raise NoRunError(f"{_RUNS}: no run in there; name a run folder, or the TOML file of a run")
    console.print(table)


def _say_running(run: Path, console: Console) -> None:
    if not is_locked(run):
        return
    try:
        told: dict[str, Any] = json.loads((run / PROGRESS).read_text(encoding="utf-8"))
        rows = told["stages"]
        console.print(f"running now, process {int(told['pid'])}", highlight=False)
    except (OSError, ValueError, KeyError, TypeError):
        console.print("running now", highlight=False)
        return
    for row in rows:
        left = row["left_s"]
        told_left = f", about {duration(left)} left" if left is not None else ""
        text = (
            f"{row['stage']:<11} {row['n_done']:>6} of {row['total']} {row['unit']} {row['rate']:.1f}/s{told_left}"
        )
        console.print(visible(text), highlight=False, markup=False)
