"""Records the dataset of a run as a version, if it is another one than the newest."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.table import stage_folder, stored_stages
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.publishing.versions.comparing import compare, read_index, write_index
from pairsmith.pipeline.publishing.versions.wording import changelog_of
from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.version import DatasetVersion, VersionFile

_FOLDER, _MANIFEST, _CHANGELOG = "versions", "manifest.json", "changelog.md"


class VersionError(PairsmithError):
    """A version can't be recorded, read or made again."""


def list_versions(run: Path) -> list[DatasetVersion]:
    """Return the versions of a run, the oldest first.

    Raises:
        VersionError: if a manifest is broken.
    """
    versions = []
    for path in (run / _FOLDER).glob(f"v*/{_MANIFEST}"):
        try:
            versions.append(DatasetVersion.from_json(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise VersionError(f"{path}: {error}; put the file back, or remove its folder") from None
    return sorted(versions, key=lambda version: version.number)


def version_folder(run: Path, version: DatasetVersion) -> Path:
    """Return where a version lies."""
    return run / _FOLDER / version.name


def read_changelog(run: Path) -> str:
    """Return the changelogs of all versions, the newest first."""
    parts = [
        (version_folder(run, version) / _CHANGELOG).read_text(encoding="utf-8")
        for version in reversed(list_versions(run))
    ]
    return "# Changelog\n\n" + "\n".join(parts) if parts else ""


def check_splits(known: Mapping[str, str], problem_ids: Iterable[str], test_share: float) -> None:
    """Refuse to go on where a problem would lie in another split than in an earlier version.

    Raises:
        VersionError: names the first such problem and the remedy.
    """
    for problem_id in sorted(problem_ids):
        split = split_of(problem_id, test_share)
        if known.get(problem_id, split) != split:
            raise VersionError(
                f"{problem_id} was of the {known[problem_id]} split and would be of the {split} split now; put "
                "pairs.test_share back, or begin another dataset with --set run=..."
            )


def record_version(run: Path, config: RunConfig) -> tuple[DatasetVersion, bool]:
    """Return the version that the dataset is, and whether it is a new one.

    Raises:
        VersionError: if there is no dataset, or a problem would change its split.
    """
    files = _files(run, sorted((run / "dataset").rglob("*")))
    if not files:
        raise VersionError(f"{run}: no dataset in there; run `pairsmith build` first")
    versions = list_versions(run)
    newest = versions[-1] if versions else None
    if newest is not None and newest.files == files:
        return newest, False
    problem_ids = [row.problem_id for row in stage_folder(run, "problems").read_all()]
    known = newest.splits if newest else {}
    check_splits(known, problem_ids, config.pairs.test_share)
    splits = known | {problem_id: split_of(problem_id, config.pairs.test_share) for problem_id in problem_ids}
    manifests = {stage: stage_folder(run, stage).manifest() for stage in stored_stages()}
    inputs = [
        path
        for stage in table.STAGES
        if stage.is_input
        for path in sorted((run / stage.name).glob("*"))
        if path.is_file()
    ]
    version = DatasetVersion(
        number=newest.number + 1 if newest else 1,
        config=config.model_dump_json(),
        files=files,
        inputs=_files(run, inputs),
        fingerprints={stage: one.fingerprint for stage, one in manifests.items() if one is not None},
        versions={stage: one.versions for stage, one in manifests.items() if one is not None},
        splits=dict(sorted(splits.items())),
    )
    _write(run, version, newest, inputs)
    return version, True


def _write(run: Path, version: DatasetVersion, newest: DatasetVersion | None, inputs: Iterable[Path]) -> None:
    """Write the folder of a version at once or not at all."""
    partial = run / _FOLDER / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    write_index(run, partial / "index")
    before = read_index(version_folder(run, newest) / "index") if newest else None
    change = compare(before, read_index(partial / "index"))
    write_whole(partial / _CHANGELOG, changelog_of(version, newest, change).encode())
    for path in inputs:
        _link(path, partial / "inputs" / path.relative_to(run))
    write_whole(partial / _MANIFEST, version.to_json().encode())
    partial.rename(version_folder(run, version))


def _files(run: Path, paths: Iterable[Path]) -> tuple[VersionFile, ...]:
    return tuple(
        VersionFile(path.relative_to(run).as_posix(), path.stat().st_size, file_digest(path))
        for path in paths
        if path.is_file()
    )


def _link(source: Path, target: Path) -> None:
    """Link a file that is never changed in place; copy it where the file system has no links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
