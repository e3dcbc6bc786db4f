"""The manifest of a stage, written last: its presence marks the stage as complete. And the counts of pairs."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

_SHARD_NAME = re.compile(r"[\w-]{1,200}\.parquet")  # no path: what a manifest doesn't name is removed


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
            for file in files:
                if not _SHARD_NAME.fullmatch(file.name):
                    raise ValueError(f"not a manifest: {file.name[:40]!r} is no shard")
            return cls(files=files, **tree)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a manifest: {error}") from None


@dataclass(frozen=True, slots=True)
class DropCount:
    """How many problems, candidates or possible pairs (`unit`) came to nothing for one reason."""

    reason: str
    unit: str
    n: int


@dataclass(frozen=True, slots=True)
class NamedCount:
    """How many of one kind."""

    name: str
    n: int


@dataclass(frozen=True, slots=True)
class LeakRow:
    """How well a classifier separates chosen from rejected in one split; 0.5 is chance, None too few pairs.

    Attributes:
        what: `length`, or `style`: tags and measures with it.
        within_before: share of pairs whose chosen answer scores higher, before the guards of the whole split.
        overall_before: area under the ROC curve over all answers; both again after these guards.
    """

    split: str
    what: str
    within_before: float | None
    overall_before: float | None
    within_after: float | None
    overall_after: float | None


@dataclass(frozen=True, slots=True)
class WeakProblem:
    """A problem whose passed candidates disagree on inputs beyond its tests.

    Attributes:
        n_passed: different passed programs that were asked; `n_groups` behaviours among them.
        top_support: share of the votes for the commonest behaviour, in [0, 1].
        splitting_inputs: argument lists that they disagree on.
    """

    problem_id: str
    n_passed: int
    n_groups: int
    top_support: float
    splitting_inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairingReport:
    """All that is counted.

    Attributes:
        drops: in the order of `pipeline.pairing.drops.Drop`.
        policies: pairs by policy.
        rejects: pairs by the cause of their rejected one; `passed` for those that passed.
        n_trivial: pairs with a rejected answer without runnable code.
        n_hard: pairs with a rejected answer that passes at least half of the cases.
        n_approaches_before: right approaches of the problems with pairs; `n_approaches_after` those that some pair
            chooses.
        standings: passed candidates by the result of their crosscheck.
        weak: problems whose passed candidates disagree, the most split first.
        n_mutants: mutants of right solutions that behave differently; `n_killed` those that the tests notice.
    """

    n_candidates: int
    n_train: int
    n_test: int
    n_problems: int
    drops: tuple[DropCount, ...]
    policies: tuple[NamedCount, ...]
    rejects: tuple[NamedCount, ...]
    n_trivial: int
    n_hard: int
    leaks: tuple[LeakRow, ...]
    n_approaches_before: int
    n_approaches_after: int
    standings: tuple[NamedCount, ...]
    weak: tuple[WeakProblem, ...]
    n_mutants: int
    n_killed: int
