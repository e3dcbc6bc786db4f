"""Versions of a run's dataset: recorded as it changes, with a changelog, and made again from their manifest.

`versions/v1` holds `manifest.json`, `changelog.md`, an `index` of what the next version is compared with, and
`inputs`: links to the shards that can't be made again. Shards are never changed in place: a link costs no space.
"""

from pairsmith.pipeline.publishing.versions.recording import (
    VersionError,
    list_versions,
    read_changelog,
    record_version,
)

__all__ = ["VersionError", "list_versions", "read_changelog", "record_version"]
