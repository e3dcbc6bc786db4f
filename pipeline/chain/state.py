"""What of a run is there, what it was made with, what is stale under a configuration, and why.

Keys of shards are digests: they show that something changed, not what. The settings are therefore kept beside, in
two files of the run folder: `config.toml`, the whole configuration of the last flow that worked there, and
`made_with.json`, by stage the settings that mattered when it was finished. No row depends on either.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

import pyarrow as pa

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain, fingerprint_of
from pairsmith.pipeline.chain.stage import Stage
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.reference import plain_toml
from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.folder import MANIFEST, FolderError, StageFolder, read_tree, write_whole
from pairsmith.schemas.config import REMOVED, RENAMED, ConfigError, RunConfig, load_config

CONFIG = "config.toml"
_FILE = "made_with.json"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What one stage was made with."""

    mark: str  # fingerprint of the manifest, or digest of the last file, when this was noted
    settings: Mapping[str, str]  # dotted key to its value as JSON text
    pairs: str = ""  # for training and evaluation, the fingerprint of the pairs that were there


@contextmanager
def remembered(config: RunConfig) -> Iterator[None]:
    """Keep the configuration of a flow in its run folder; note what the stages that it finishes were made with.

    What a killed flow finished is noted by the next one, from the configuration that the killed one had kept.
    """
    before = read_config(config.run)
    if before is not None:
        _note(config.run, before)
    write_whole(config.run / CONFIG, plain_toml(config).encode(errors="surrogateescape"))
    try:
        yield
    finally:
        _note(config.run, config)


def read_config(run: Path) -> RunConfig | None:
    """Return the configuration of the last flow that worked in a folder; None where none is kept that loads."""
    try:
        return load_config(run / CONFIG).model_copy(update={"run": run})
    except ConfigError:
        return None


def read_provenance(run: Path) -> dict[str, Provenance]:
    """Return what the stages of a run were made with; those whose rows were written since are not among them."""
    rows = read_tree(run / _FILE)
    try:
        made = {
            stage: Provenance(**row | {"settings": _as_named_now(row["settings"])}) for stage, row in rows.items()
        }
    except (TypeError, AttributeError, KeyError):
        return {}
    return {stage: row for stage, row in made.items() if row.mark and row.mark == mark_of(run, stage)}


def _as_named_now(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings under the names that they have now, without those that are none any more."""
    found = {}
    for key, value in settings.items():
        for old, new in RENAMED.items():
            if f"{key}.".startswith(f"{old}."):
                key = new + key.removeprefix(old)
        if not any(f"{key}.".startswith(f"{removed}.") for removed in REMOVED):
            found[key] = value
    return found


def mark_of(run: Path, stage: str) -> str:
    """Return what changes when a stage is made anew; empty for one that is not done."""
    last = table.find_stage(stage).last_file
    if not last:
        manifest = table.stage_folder(run, stage).manifest()
        return manifest.fingerprint if manifest is not None else ""
    path = run / stage / last
    return file_digest(path) if path.is_file() else ""


def _note(run: Path, config: RunConfig) -> None:
    """Add what is done and not noted yet as made with this configuration."""
    known = read_provenance(run)
    made = dict(known)
    for stage in table.STAGES:
        mark = mark_of(run, stage.name)
        if mark and stage.name not in known:
            pairs = mark_of(run, "pairs") if stage.last_file else ""
            made[stage.name] = Provenance(mark, stage.settings_in(config), pairs)
    if made != known:
        rows = {stage: asdict(row) for stage, row in made.items()}
        write_whole(run / _FILE, (json.dumps(rows, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def broken_files(run: Path) -> Iterator[Path]:
    """Yield the files of all stages that are done which are missing or not as the manifests list them.

    Raises:
        FolderError: a manifest can't be read.
    """
    for path in sorted(run.rglob(MANIFEST)):
        manifest = StageFolder(path.parent.parent, path.parent.name, object).manifest()
        for file in manifest.files if manifest is not None else ():
            shard = path.with_name(file.name)
            if not shard.is_file() or file_digest(shard) != file.sha256:
                yield shard


class State(StrEnum):
    """State of a stage."""

    DONE = "done"
    """Complete, and made with the current settings and inputs."""
    BEHIND = "behind"
    """Matches its inputs, but these are stale or incomplete: it may have to be made again."""
    STALE = "stale"
    """Complete, but not with the current settings and inputs: the next build makes it again, or parts of it."""
    PARTIAL = "partial"
    """Some shards exist; the next build continues from them."""
    MISSING = "missing"
    """Nothing is there."""
    UNKNOWN = "unknown"
    """Unknown, for the reason given."""


@dataclass(frozen=True, slots=True)
class StageState:
    """State of one stage of a run."""

    stage: str
    state: State
    n_rows: int = 0  # rows of its manifest, or of the shards that are there
    n_current: int = 0  # shards that hold under this configuration; `n_shards` those that it should have
    n_shards: int = 0
    reasons: tuple[str, ...] = ()  # why it is not done, in words


def examine_run(
    run_dir: Path,
    config: RunConfig,
    problems: Mapping[str, LoadedProblems] | str,
) -> list[StageState]:
    """Return the states of all stages of a run under a configuration, in the order of the pipeline.

    Args:
        problems: shards of the problems that the configuration names; a text gives the reason why there are none.
    """
    chain = Chain(run_dir, config)
    if not isinstance(problems, str):
        chain.sources["problems"] = problems
    made = read_provenance(run_dir)
    found: dict[str, StageState] = {}
    for stage in table.STAGES:
        if stage.record is None:
            state = _examine_part(run_dir, stage, config, made.get(stage.name))
        elif stage.name == "problems" and isinstance(problems, str):
            state = StageState(stage.name, State.UNKNOWN, _n_rows(run_dir, stage.name), reasons=(problems,))
        else:
            state = _examine_stage(chain, stage, _keys(chain, stage, problems), made.get(stage.name))
        found[stage.name] = _after(state, _roots(stage.name, found))
    return list(found.values())


def _keys(chain: Chain, stage: Stage, problems: Mapping[str, LoadedProblems] | str) -> dict[str, str | None]:
    """Return the key that each shard should have; None where what it reads is not there yet."""
    if stage.whole is not None:
        names = [""]
    else:
        names = chain.folder("problems").shard_names() if isinstance(problems, str) else list(problems)
    keys: dict[str, str | None] = dict.fromkeys(names)
    for name in names:
        with contextlib.suppress(OSError, KeyError, FolderError, pa.ArrowException):
            keys[name] = chain.key(stage.name, name)
    return keys


def _known(keys: Mapping[str, str | None]) -> dict[str, str]:
    return {name: key for name, key in keys.items() if key is not None}


def _examine_stage(
    chain: Chain, stage: Stage, keys: Mapping[str, str | None], made: Provenance | None
) -> StageState:
    folder = chain.folder(stage.name)
    manifest = folder.manifest()
    there = {path.name for path in folder.path.glob("*.parquet")}
    if stage.whole is not None:
        n_current = int(manifest is not None and manifest.fingerprint == keys[""])
    elif manifest is not None and manifest.fingerprint == fingerprint_of(stage.name, _known(keys)):
        n_current = len(there & keys.keys())
    else:
        n_current = sum(
            key is not None and name in there and folder.key(name) == key for name, key in keys.items()
        )
    n_rows = _n_rows(chain.run_dir, stage.name)
    state, reasons = State.DONE, tuple[str, ...]()
    if manifest is None:
        state = State.PARTIAL if there else State.MISSING
        reasons = (f"{n_current} of {len(keys)} shards made; not finished",) if there else ()
    else:
        n_other = len({file.name for file in manifest.files} - set(keys)) if stage.whole is None else 0
        if n_current < len(keys) or n_other:
            state = State.STALE
            reasons = list_changes(stage, chain.config, made, manifest.versions.get("stage", ""))
        if n_other:
            reasons += (f"{n_other} shards are of problems that the configuration no longer selects",)
    return StageState(stage.name, state, n_rows, n_current, len(keys), reasons)


def list_changes(stage: Stage, config: RunConfig, made: Provenance | None, version: str) -> tuple[str, ...]:
    """Return which settings changed since a stage was made, and whether our code did."""
    reasons = []
    now = str(stage.version) if stage.record is not None else version
    if version != now:
        reasons.append(f"made by stage version {version}, now {now}")
    if made is None:
        return (*reasons, "the settings of the last build are unknown")
    wanted, defaults = stage.settings_in(config), stage.settings_in(RunConfig())
    for key in sorted(made.settings.keys() | wanted):
        before, after = (settings.get(key, defaults.get(key, "not set")) for settings in (made.settings, wanted))
        if before != after:  # a setting that came later had its default then
            reasons += differences(key, before, after)
    return tuple(reasons)


def changes_of_pairs(run: Path, config: RunConfig) -> tuple[str, ...]:
    """Return the changed settings of a run's pairs and of the stages that they are made from."""
    made = read_provenance(run)
    names = list(table.stored_stages())
    found: list[str] = []
    for name in names[: names.index("pairs") + 1]:
        if name in made:
            stage = table.find_stage(name)
            found += list_changes(stage, config, made[name], str(stage.version))
    return tuple(dict.fromkeys(found))


_SHOWN = 60  # characters of a value


def differences(key: str, before: str, after: str) -> list[str]:
    """Return what differs between two values of a setting (JSON text); of tables only the fields that do."""
    try:
        old, new = json.loads(before), json.loads(after)
    except ValueError:  # not set
        return [f"{key}: {before} -> {after}"]
    if not (_is_tables(old) and _is_tables(new)):
        return [f"{key}: {_short(old)} -> {_short(new)}"]
    if [row.get("name") for row in old] != [row.get("name") for row in new]:
        return [f"{key}: {_names(old)} -> {_names(new)}"]
    return [
        f"{key}[{row.get('name', place)}].{field}: {_short(row.get(field))} -> {_short(other.get(field))}"
        for place, (row, other) in enumerate(zip(old, new, strict=True))
        for field in sorted(row.keys() | other.keys())
        if row.get(field) != other.get(field)
    ]


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _names(rows: list[dict[str, object]]) -> str:
    return _short([row.get("name") or row for row in rows])


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _roots(stage: str, found: Mapping[str, StageState]) -> dict[str, State]:
    """Return the stages, however far before this one, that are not as they should be for a reason of their own."""
    roots: dict[str, State] = {}
    for name in table.find_stage(stage).reads:
        earlier = found[name]
        if earlier.state is State.BEHIND:
            roots |= _roots(name, found)
        elif earlier.state is not State.DONE:
            roots[name] = earlier.state
    return roots


def _after(current: StageState, roots: Mapping[str, State]) -> StageState:
    """Return a stage's state with what comes before it in view."""
    names = ", ".join(f"{stage} ({state})" for stage, state in roots.items())
    if current.state is State.DONE and roots:
        return replace(current, state=State.BEHIND, reasons=(f"follows on {names}",))
    if current.state is not State.STALE:
        return current
    reasons = (*current.reasons, f"follows on {names}") if roots else current.reasons
    return replace(current, reasons=reasons or ("what it reads, or a file or model of its settings, has changed",))


def _examine_part(run_dir: Path, stage: Stage, config: RunConfig, made: Provenance | None) -> StageState:
    """Return the state of training or evaluation, which have no shards."""
    folder = run_dir / stage.name
    if not mark_of(run_dir, stage.name):
        has_begun = folder.is_dir() and any(folder.iterdir())
        return StageState(stage.name, State.PARTIAL if has_begun else State.MISSING, n_shards=1)
    if made is None:
        reasons: tuple[str, ...] = ("the settings of the last build are unknown",)
        return StageState(stage.name, State.UNKNOWN, n_shards=1, reasons=reasons)
    reasons = list_changes(stage, config, made, "")
    if made.pairs != mark_of(run_dir, "pairs"):
        reasons += ("the pairs have changed",)
    return StageState(stage.name, State.STALE if reasons else State.DONE, 0, int(not reasons), 1, reasons)


def _n_rows(run_dir: Path, stage: str) -> int:
    folder = table.stage_folder(run_dir, stage)
    manifest = folder.manifest()
    if manifest is not None:
        return manifest.n_out
    return sum(folder.n_rows(name) for name in folder.shard_names())
