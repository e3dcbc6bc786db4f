"""What a run is configured with, and what each of its stages was made with: so that what is stale has a reason.

Keys of shards are digests: they tell that something changed, not what. The settings are therefore kept beside, in
two files of the run folder: `config.toml`, the whole configuration of the last flow that worked there, and
`made_with.json`, by stage the settings that mattered when it was finished. No row depends on either.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pairsmith.pipeline.chain.stages import NO_MATTER, RECORDS, stage_folder
from pairsmith.pipeline.reference.toml import plain_toml
from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.config import ConfigError, RunConfig, load_config

CONFIG = "config.toml"
_MADE = "made_with.json"
# Sections and keys that a stage's rows depend on, beside the stages that it reads.
_MATTER: Mapping[str, tuple[str, ...]] = {
    "problems": ("problems", "shard_problems"),
    "candidates": ("sampling", "sampling.n", "training.model", "seed"),
    "programs": (),
    "executions": ("sandbox", "execution.n_runs", "execution.rerun_timeouts"),
    "verdicts": (),
    "syntax": ("syntax",),
    "standings": ("crosscheck", "sandbox", "execution.n_runs", "execution.rerun_timeouts", "seed"),
    "problem_standings": ("crosscheck", "sandbox", "execution.n_runs", "execution.rerun_timeouts", "seed"),
    "timings": ("crosscheck", "sandbox", "execution.n_runs", "execution.rerun_timeouts", "seed"),
    "pairs": ("pairs", "seed"),
    "judgements": ("judge",),
    "training": ("training", "sampling.model", "seed"),
    "evaluation": (
        "scoring",
        "evaluation",
        "sampling",
        "sandbox",
        "execution.n_runs",
        "execution.rerun_timeouts",
        "seed",
    ),
}
_LAST_FILES = {"training": "summary.json", "evaluation": "gains.json"}
"""File that says that a part of the run without a manifest is done."""


@dataclass(frozen=True, slots=True)
class MadeWith:
    """What one stage was made with.

    Attributes:
        mark: fingerprint of the manifest, or digest of the last file, when this was noted.
        settings: dotted key to its value as JSON text.
        pairs: for training and evaluation, the fingerprint of the pairs that were there.
    """

    mark: str
    settings: Mapping[str, str]
    pairs: str = ""


def settings_of(stage: str, config: RunConfig) -> dict[str, str]:
    """Return the settings that the rows of a stage depend on: dotted key to its value as JSON text."""
    wanted = _MATTER.get(stage, ())
    ignored = {f"{section}.{name}" for section, names in NO_MATTER.items() for name in names} - set(wanted)
    return {
        key: text
        for key, text in flatten(config.model_dump(mode="json"))
        if any(key == one or key.startswith(f"{one}.") for one in wanted)
        and not any(key == one or key.startswith(f"{one}.") for one in ignored)
    }


def flatten(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Give the dotted keys of a configuration with their values as JSON text."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", json.dumps(value, ensure_ascii=False)


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


def read_made(run: Path) -> dict[str, MadeWith]:
    """Return what the stages of a run were made with; those whose rows were written since are not among them."""
    try:
        rows = json.loads((run / _MADE).read_text(encoding="utf-8"))
        made = {stage: MadeWith(**row) for stage, row in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {stage: one for stage, one in made.items() if one.mark and one.mark == mark_of(run, stage)}


def mark_of(run: Path, stage: str) -> str:
    """Return what changes when a stage is made anew; empty for one that is not done."""
    if stage in RECORDS:
        manifest = stage_folder(run, stage).manifest()
        return manifest.fingerprint if manifest is not None else ""
    last = run / stage / _LAST_FILES[stage]
    return file_digest(last) if last.is_file() else ""


def _note(run: Path, config: RunConfig) -> None:
    """Add what is done and not noted yet as made with this configuration."""
    known = read_made(run)
    made = dict(known)
    for stage in _MATTER:
        mark = mark_of(run, stage)
        if mark and stage not in known:
            pairs = mark_of(run, "pairs") if stage in _LAST_FILES else ""
            made[stage] = MadeWith(mark, settings_of(stage, config), pairs)
    if made != known:
        rows = {stage: asdict(one) for stage, one in made.items()}
        write_whole(run / _MADE, (json.dumps(rows, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())
