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

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.reference import plain_toml
from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.config import REMOVED, RENAMED, ConfigError, RunConfig, load_config

CONFIG = "config.toml"
_FILE = "made_with.json"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What one stage was made with.

    Attributes:
        mark: fingerprint of the manifest, or digest of the last file, when this was noted.
        settings: dotted key to its value as JSON text.
        pairs: for training and evaluation, the fingerprint of the pairs that were there.
    """

    mark: str
    settings: Mapping[str, str]
    pairs: str = ""


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
    try:
        rows = json.loads((run / _FILE).read_text(encoding="utf-8"))
        made = {
            stage: Provenance(**row | {"settings": _as_named_now(row["settings"])}) for stage, row in rows.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}
    return {stage: one for stage, one in made.items() if one.mark and one.mark == mark_of(run, stage)}


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
        rows = {stage: asdict(one) for stage, one in made.items()}
        write_whole(run / _FILE, (json.dumps(rows, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())
