"""The manifest of a stage: written last, so its presence says that the stage is done."""

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One file that a stage wrote.

    Attributes:
        name: file name in the stage's folder.
        rows: rows in it.
        sha256: digest of the file's bytes.
        content: digest of its rows without measured columns (seconds, MiB): equal from run to run.
    """

    name: str
    rows: int
    sha256: str
    content: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a stage did. Holds no time of day: same inputs, same bytes.

    Attributes:
        stage: name of the stage and of its folder.
        fingerprint: digest of the stage's configuration and of its inputs' content.
        n_in: rows read.
        n_out: rows written.
        dropped: rows left out, by reason.
        counts: other counts that the stage reports (labels, causes, forms).
        files: what was written, by name.
        versions: package name to version, of those that shaped the bytes.
    """

    stage: str
    fingerprint: str
    n_in: int
    n_out: int
    dropped: dict[str, int]
    counts: dict[str, int]
    files: tuple[ShardFile, ...]
    versions: dict[str, str]

    def to_json(self) -> str:
        """Return the manifest as indented JSON with sorted keys."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Return the manifest of such a text.

        Raises:
            ValueError: if the text is not a manifest.
        """
        try:
            tree: dict[str, Any] = json.loads(text)
            files = tuple(ShardFile(**file) for file in tree.pop("files"))
            return cls(files=files, **tree)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a manifest: {error}") from None
