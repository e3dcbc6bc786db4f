"""One version of a dataset: what it holds and what it was made of."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class VersionFile:
    """A file: its path under the run folder, bytes, and the sha256 of these."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ProblemVersion:
    """What a version holds of one problem.

    Attributes:
        content: digest of the problem, its tests included.
        n_passed: candidates that passed; `n_failed` those that failed, `n_candidates` all of them.
        n_pairs: its pairs; `pairs` is the digest of their ids.
    """

    content: str
    n_passed: int
    n_failed: int
    n_candidates: int
    n_pairs: int
    pairs: str

    @property
    def pass_rate(self) -> float | None:
        """Return the share of decided candidates that passed, in [0, 1]; None where none is decided."""
        n_decided = self.n_passed + self.n_failed
        return self.n_passed / n_decided if n_decided else None


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """The manifest of a version. Holds no time of day.

    Attributes:
        number: from 1; the version is called `v1`.
        config: the run's configuration as JSON.
        files: the dataset's.
        fingerprints: stage to the digest of its settings and inputs.
        versions: stage to package (and `stage`, our own code's) to version.
        splits: problem_id to split, of every problem that this or an earlier version had.
        problems: problem_id to what the version holds of it; empty in manifests of older versions of pairsmith.
    """

    number: int
    config: str
    files: tuple[VersionFile, ...]
    fingerprints: dict[str, str]
    versions: dict[str, dict[str, str]]
    splits: dict[str, str]
    problems: dict[str, ProblemVersion] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what the version is called, also as a tag on the Hub."""
        return f"v{self.number}"

    def to_json(self) -> str:
        """Return the manifest as indented JSON with sorted keys."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "DatasetVersion":
        """Return the manifest of such a text; `inputs` of older manifests are left out.

        Raises:
            ValueError: if the text is not a manifest.
        """
        try:
            tree: dict[str, Any] = json.loads(text)
            tree.pop("inputs", None)
            tree["files"] = tuple(VersionFile(**file) for file in tree["files"])
            problems = tree.pop("problems", {})
            return cls(**tree, problems={key: ProblemVersion(**row) for key, row in problems.items()})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a version: {error}") from None
