"""Versions of the dataset, and rows of its configurations besides `schemas.pair.Pair`."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pairsmith.schemas.pair import Message


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
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a version: {error}") from None


@dataclass(frozen=True, slots=True)
class Unpaired:
    """One answer with its label, as TRL's KTOTrainer takes it.

    Attributes:
        prompt: the user message; `completion` the assistant's answer.
        label: whether it is right.
        candidate_id: the candidate.
        cause: why it failed (see `schemas.verdict.Cause`); empty if it passed.
        share: share of the cases that it passed, in [0, 1].
        tags: style tags, separated by spaces.
        standing: result of its crosscheck; empty without one.
    """

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    label: bool
    candidate_id: str
    problem_id: str
    split: str
    cause: str
    share: float
    tags: str
    standing: str


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A right answer that some pair chooses, once, as TRL's SFTTrainer takes it."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    candidate_id: str
    problem_id: str
    split: str
    tags: str
    standing: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A pair as LLaMA-Factory's ranking datasets have it: one message where the pairs have a list of one.

    Attributes:
        conversations: the user's message; `chosen` and `rejected` the assistant's.
        pair_id: the pair.
    """

    conversations: tuple[Message, ...]
    chosen: Message
    rejected: Message
    pair_id: str
    problem_id: str
    split: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one candidate, whether a pair was made of it or not.

    Attributes:
        split: of its problem; empty for an unknown one.
        label: passed, failed or undecided, by the tests; `cause` and `detail` give the reason.
        passed_cases: one entry a case, in order.
        signature: equal for equal behaviour on the tests' inputs; likewise `group` on derived ones.
        standing: see `schemas.verdict.CrosscheckResult`; empty without a crosscheck.
        n_derived: derived inputs that counted; `n_agreed` those that it answered rightly, or as the others did.
        cluster: near-duplicate cluster; equal for programs that are nearly alike.
        exact: fingerprint of its tokens; `renamed` of its tokens with local names made alike.
        tags: style tags, separated by spaces.
        pairs_chosen: pairs that choose it; `pairs_rejected` those that reject it.
        reason: why it may be part of no pair (see `pipeline.pairing.drops.Drop`); empty where it may.
        repaired_from: candidate that it mends; empty for one that was drawn for the problem itself.
    """

    candidate_id: str
    problem_id: str
    split: str
    model: str
    temperature: float
    top_p: float
    seed: int
    completion: str
    code: str
    label: str
    cause: str
    detail: str
    n_cases: int
    n_passed: int
    passed_cases: tuple[bool, ...]
    signature: str
    standing: str
    n_derived: int
    n_agreed: int
    group: str
    cluster: str
    exact: str
    renamed: str
    tags: str
    n_tokens: int
    n_lines: int
    nesting_depth: int
    cyclomatic: int
    comment_share: float
    mean_logprob: float | None
    pairs_chosen: int
    pairs_rejected: int
    reason: str
    repaired_from: str = ""
