"""One version of a dataset: what it holds, what it was made of, and enough to make it again."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class VersionFile:
    """A file: its path under the run folder, bytes, and the sha256 of these."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """The manifest of a version. Holds no time of day.

    Attributes:
        number: from 1; the version is called `v1`.
        config: the run's configuration as JSON.
        files: the dataset's.
        inputs: what can't be made again, as it was drawn, looked up or measured: problems, candidates, timings.
        fingerprints: stage to the digest of its settings and inputs.
        versions: stage to package (and `stage`, our own code's) to version.
        splits: problem_id to split, of every problem that this or an earlier version had.
    """

    number: int
    config: str
    files: tuple[VersionFile, ...]
    inputs: tuple[VersionFile, ...]
    fingerprints: dict[str, str]
    versions: dict[str, dict[str, str]]
    splits: dict[str, str]

    @property
    def name(self) -> str:
        """Return what the version is called, also as a tag on the Hub."""
        return f"v{self.number}"

    def to_json(self) -> str:
        """Return the manifest as indented JSON with sorted keys."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "DatasetVersion":
        """Return the manifest of such a text.

        Raises:
            ValueError: if the text is not a manifest.
        """
        try:
            tree: dict[str, Any] = json.loads(text)
            for name in ("files", "inputs"):
                tree[name] = tuple(VersionFile(**file) for file in tree[name])
            return cls(**tree)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a version: {error}") from None
