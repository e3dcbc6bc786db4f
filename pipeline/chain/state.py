"""What of a run is there, what is stale under a configuration, and why. Reads metadata only, changes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import pyarrow as pa

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.provenance import Provenance, mark_of, read_provenance
from pairsmith.pipeline.chain.stage import Stage
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.run.folder import FolderError
from pairsmith.schemas.config import RunConfig


class State(StrEnum):
    """How a stage stands."""

    DONE = "done"
    """All is there, made with what holds now."""
    BEHIND = "behind"
    """It fits what it reads, but that is stale or not whole: it may have to be made again."""
    STALE = "stale"
    """It is whole, but not of what holds now: the next build makes it again, or parts of it."""
    PARTIAL = "partial"
    """Some shards are there; the next build goes on from them."""
    MISSING = "missing"
    """Nothing is there."""
    OFF = "off"
    """The configuration doesn't ask for it."""
    UNKNOWN = "unknown"
    """Can't be told, for the reason given."""


@dataclass(frozen=True, slots=True)
class StageState:
    """How one stage of a run stands.

    Attributes:
        n_rows: rows of its manifest, or of the shards that are there.
        n_current: shards that hold under this configuration; `n_shards` those that it should have.
        reasons: why it is not done, in words.
    """

    stage: str
    state: State
    n_rows: int = 0
    n_current: int = 0
    n_shards: int = 0
    reasons: tuple[str, ...] = ()


def examine_run(
    chain: Path,
    config: RunConfig,
    problems: Mapping[str, LoadedProblems] | str,
    n_each: Mapping[str, int] | None = None,
) -> list[StageState]:
    """Return how all stages of a run stand under a configuration, in the order of the pipeline.

    Args:
        chain: the run.
        config: what should hold.
        problems: shards of the problems that the configuration names; a text says why they can't be had.
        n_each: draws a problem, of a run in waves.
    """
    looked = Chain(chain, config, draws=n_each)
    if not isinstance(problems, str):
        looked.sources["problems"] = problems
    made = read_provenance(chain)
    found: dict[str, StageState] = {}
    for stage in table.STAGES:
        if stage.record is None:
            one = _examine_part(chain, stage, config, made.get(stage.name))
        elif not stage.is_wanted(config):
            one = StageState(stage.name, State.OFF, _n_rows(chain, stage.name))
        elif stage.name == "problems" and isinstance(problems, str):
            one = StageState(stage.name, State.UNKNOWN, _n_rows(chain, stage.name), reasons=(problems,))
        else:
            one = _examine_stage(looked, stage, _keys(looked, stage, problems), made.get(stage.name))
        found[stage.name] = _after(one, _roots(stage.name, found))
    return list(found.values())


def _keys(chain: Chain, stage: Stage, problems: Mapping[str, LoadedProblems] | str) -> dict[str, str | None]:
    """Return the key that each shard should have; None where what it reads is not there yet."""
    if stage.whole is not None:
        return {"": _or_none(lambda: chain.key(stage.name))}
    if stage.deal is not None:
        names = chain.deal(stage.name)
    else:
        names = chain.folder("problems").shard_names() if isinstance(problems, str) else list(problems)
    return {name: _or_none(lambda name=name: chain.key(stage.name, name)) for name in names}  # type: ignore[misc]


def _or_none(key: Callable[[], str]) -> str | None:
    try:
        return key()
    except (OSError, KeyError, FolderError, pa.ArrowException):
        return None


def _examine_stage(
    chain: Chain, stage: Stage, keys: Mapping[str, str | None], made: Provenance | None
) -> StageState:
    folder = chain.folder(stage.name)
    manifest = folder.manifest()
    there = {path.name for path in folder.path.glob("*.parquet")}
    if stage.whole is not None:
        n_current = int(manifest is not None and manifest.fingerprint == keys[""])
    else:
        n_current = sum(
            key is not None and name in there and folder.key(name) == key for name, key in keys.items()
        )
    n_rows = _n_rows(chain.run_dir, stage.name)
    if not there and manifest is None:
        return StageState(stage.name, State.MISSING, n_shards=len(keys))
    if manifest is None:
        reason = f"{n_current} of {len(keys)} shards there; not finished"
        return StageState(stage.name, State.PARTIAL, n_rows, n_current, len(keys), (reason,))
    n_other = len({file.name for file in manifest.files} - set(keys)) if stage.whole is None else 0
    if n_current == len(keys) and not n_other:
        return StageState(stage.name, State.DONE, n_rows, n_current, len(keys))
    reasons = _changes(stage, chain.config, made, manifest.versions.get("stage", ""))
    if n_other:
        reasons += (f"{n_other} shards are of problems that are not wanted any more",)
    return StageState(stage.name, State.STALE, n_rows, n_current, len(keys), reasons)


def _changes(stage: Stage, config: RunConfig, made: Provenance | None, version: str) -> tuple[str, ...]:
    """Return which settings changed since a stage was made, and whether our code did."""
    reasons = []
    now = str(stage.version) if stage.record is not None else version
    if version != now:
        reasons.append(f"made by stage version {version}, the code is at {now}")
    if made is None:
        return (*reasons, "the settings that it was made with were not kept")
    wanted, defaults = stage.settings_in(config), stage.settings_in(RunConfig())
    for key in sorted(made.settings.keys() | wanted):
        before, after = (settings.get(key, defaults.get(key, "not set")) for settings in (made.settings, wanted))
        if before != after:  # a setting that came later had its default then
            reasons.append(f"{key}: {before} then, {after} now")
    return tuple(reasons)


def _roots(stage: str, found: Mapping[str, StageState]) -> dict[str, State]:
    """Return the stages, however far before this one, that are not as they should be for a reason of their own."""
    roots: dict[str, State] = {}
    for name in table.find_stage(stage).reads:
        one = found[name]
        if one.state is State.BEHIND:
            roots |= _roots(name, found)
        elif one.state not in (State.DONE, State.OFF):
            roots[name] = one.state
    return roots


def _after(one: StageState, roots: Mapping[str, State]) -> StageState:
    """Return a stage's state with what comes before it in view."""
    told = ", ".join(f"{stage} ({state})" for stage, state in roots.items())
    if one.state is State.DONE and roots:
        return replace(one, state=State.BEHIND, reasons=(f"follows on {told}",))
    if one.state is not State.STALE:
        return one
    reasons = (*one.reasons, f"follows on {told}") if roots else one.reasons
    return replace(one, reasons=reasons or ("what it reads, or a file or model of its settings, has changed",))


def _examine_part(chain: Path, stage: Stage, config: RunConfig, made: Provenance | None) -> StageState:
    """Return how training or evaluation stands, which have no shards."""
    if not mark_of(chain, stage.name):
        begun = (chain / stage.name).is_dir() and any((chain / stage.name).iterdir())
        return StageState(stage.name, State.PARTIAL if begun else State.MISSING, n_shards=1)
    reasons = _changes(stage, config, made, "") if made is not None else ()
    if made is not None and made.pairs != mark_of(chain, "pairs"):
        reasons += ("the pairs have changed since",)
    if made is None:
        return StageState(
            stage.name, State.UNKNOWN, 0, 0, 1, ("the settings that it was made with were not kept",)
        )
    return StageState(stage.name, State.STALE if reasons else State.DONE, 0, int(not reasons), 1, reasons)


def _n_rows(chain: Path, stage: str) -> int:
    folder = table.stage_folder(chain, stage)
    manifest = folder.manifest()
    if manifest is not None:
        return manifest.n_out
    return sum(folder.n_rows(name) for name in folder.shard_names())
