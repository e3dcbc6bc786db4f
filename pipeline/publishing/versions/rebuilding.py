"""Makes an old version's folder ready to be made again, and says whether it came out the same."""

import json
import shutil
from pathlib import Path

from pydantic import ValidationError

from pairsmith.pipeline.chain.table import versions_of
from pairsmith.pipeline.publishing.versions.recording import VersionError, list_versions, version_folder
from pairsmith.pipeline.run.digests import file_digest
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.version import DatasetVersion


def find_version(run: Path, name: str) -> DatasetVersion:
    """Return a version of a run by its name, such as `v2`.

    Raises:
        VersionError: if it has none of this name.
    """
    versions = list_versions(run)
    found = next((version for version in versions if version.name == name), None)
    if found is None:
        known = ", ".join(version.name for version in versions) or "none"
        raise VersionError(f"{run}: no version {name}; there are {known}")
    return found


def prepare(run: Path, version: DatasetVersion, into: Path) -> RunConfig:
    """Copy the inputs of a version into an empty folder; return the configuration that makes the rest there.

    Raises:
        VersionError: inputs are missing or changed, the folder is not empty, or settings that are unknown by now.
    """
    if any(into.glob("[!.]*")):  # its lock may be there
        raise VersionError(f"{into}: not empty; give a folder of its own")
    inputs = version_folder(run, version) / "inputs"
    for file in version.inputs:
        source = inputs / file.path
        if not source.is_file() or file_digest(source) != file.sha256:
            raise VersionError(f"{source}: missing or changed; {version.name} can't be made again without it")
        target = into / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    try:
        tree = json.loads(version.config)
        return RunConfig.model_validate(tree | {"run": into, "store": ""})
    except (ValueError, ValidationError) as error:
        line = str(error).partition("\n")[0]
        raise VersionError(f"{version.name}: its settings can't be read by this pairsmith ({line})") from None


def differences(version: DatasetVersion, into: Path) -> list[str]:
    """Return the dataset's files that did not come out byte for byte."""
    return [
        file.path
        for file in version.files
        if not (into / file.path).is_file() or file_digest(into / file.path) != file.sha256
    ]


def changed_code(version: DatasetVersion) -> list[str]:
    """Return in words which code shaped the version and is another one now."""
    return [
        f"{stage}: {'its code' if package == 'stage' else package} was {was}, is {versions_of(stage).get(package)}"
        for stage, packages in sorted(version.versions.items())
        for package, was in sorted(packages.items())
        if versions_of(stage).get(package) != was
    ]
