"""Splits problems into train and test, finds near-duplicate problems, and measures what style gives away.

A problem's split is the hash of its own id and never changes. So that no group of near-duplicates spans both
splits, the members of the train split make no pairs where another member is held out: growth may take a problem
out of training, and never moves one between the splits.

A preference that length or style predicts teaches length or style. A small linear classifier is asked, on pairs of
problems that it has not seen: its score of the chosen answer against that of the rejected one.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from pairsmith.pipeline.syntax.duplicates import components, find_near
from pairsmith.schemas.problem import Case

Split = Literal["train", "test"]
_WORD = re.compile(rb"\w+")
_SHINGLE_WORDS = 3
_MAX_TEXTS = 10  # a shingle of more texts than this, and than one in fifty, is wording that all share
_MAX_SHARE = 0.02
_MIN_CASES = 3  # fewer equal cases may be chance


def split_of(problem_id: str, test_share: float) -> Split:
    """Return the split of a problem, from its id alone: growth of the set never moves it.

    A larger `test_share` only moves problems from train to test.

    Args:
        test_share: share of all problems that is held out, in [0, 1], reached in expectation.

    Raises:
        ValueError: if `test_share` is outside [0, 1].
    """
    if not 0.0 <= test_share <= 1.0:
        raise ValueError(f"test_share {test_share}: must be in [0, 1]")
    framed = b"".join(len(part).to_bytes(8) + part for part in (b"split", problem_id.encode()))
    # 53 bits: as many as a float holds, so that the position stays below 1 and a share of 1 takes all.
    position = (int.from_bytes(hashlib.sha256(framed).digest()[:8]) >> 11) / 2**53
    return "test" if position < test_share else "train"


@dataclass(frozen=True, slots=True)
class Wording:
    """What of a problem is compared: see `schemas.problem.Problem`."""

    problem_id: str
    entry_point: str
    prompt: str
    cases: tuple[Case, ...]


def find_groups(problems: Sequence[Wording], threshold: float) -> dict[str, str]:
    """Return problem_id to the smallest id of its group of near-duplicates; those that have none are left out.

    Two problems are near if their prompts' word triples are, by Jaccard similarity, wording that most prompts
    share left out; or if they have the same cases.

    Args:
        threshold: similarity from which two prompts are near, in (0, 1].
    """
    ordered = sorted(problems, key=lambda problem: problem.problem_id)
    places: dict[frozenset[bytes], int] = {}  # of each text its first problem
    edges = [(places.setdefault(_shingles(problem), place), place) for place, problem in enumerate(ordered)]
    uses = Counter(shingle for text in places for shingle in text)
    most = max(_MAX_TEXTS, _MAX_SHARE * len(places))
    own = {
        place: frozenset(shingle for shingle in text if uses[shingle] <= most) for text, place in places.items()
    }
    compared = [place for place, text in own.items() if text]
    near = find_near([own[place] for place in compared], threshold)
    edges += [(compared[i], compared[j]) for i, j, _ in near]
    edges = [(i, j) for i, j in edges + _same_cases(ordered) if i != j]
    roots = components(len(ordered), edges)
    groups: dict[int, list[str]] = {}
    for place in sorted({place for edge in edges for place in edge}):
        groups.setdefault(roots[place], []).append(ordered[place].problem_id)
    return {problem_id: group[0] for group in groups.values() for problem_id in group}


def _shingles(problem: Wording) -> frozenset[bytes]:
    name = problem.entry_point.encode()
    words = [b"<f>" if word == name else word.lower() for word in _WORD.findall(problem.prompt.encode())]
    return frozenset(b" ".join(words[i : i + _SHINGLE_WORDS]) for i in range(len(words) - _SHINGLE_WORDS + 1))


def _same_cases(problems: Sequence[Wording]) -> list[tuple[int, int]]:
    first: dict[object, int] = {}
    edges = []
    for place, problem in enumerate(problems):
        if len(problem.cases) >= _MIN_CASES:
            edges.append((first.setdefault(problem.cases, place), place))
    return edges


Floats = npt.NDArray[np.float64]
What = Literal["length", "style"]
N_FOLDS = 5
MIN_PAIRS = 200  # fewer are too few to measure: the standard error of a share near one half is then 0.035
MAX_FITTED = 20_000  # pairs that one fold is fitted on; more change the AUC in the third decimal
_MIN_STEP = 0.01  # share of the pairs that a round of thinning leaves out at least
_LENGTH_BINS = 8
_MEASURES = ("n_tokens", "n_lines", "nesting_depth", "cyclomatic", "comment_share")
STYLE_COLUMNS = ("n_chars", "tags", *_MEASURES)
"""Columns of both sides that the features are made of; those of the rejected one end in `_rejected`."""


@dataclass(frozen=True, slots=True)
class Leak:
    """How well a classifier predicts which answer was chosen; 0.5 is chance, 1.0 always."""

    within: float  # share of pairs whose chosen answer scores above its rejected one, ties counting half
    overall: float  # area under the ROC curve of all chosen against all rejected answers

    @property
    def worst(self) -> float:
        """Return the larger of the two, which is what bounds hold for."""
        return max(self.within, self.overall)


@dataclass(frozen=True, slots=True)
class AnswerScores:
    """Scores that out-of-fold classifiers give to both answers of each pair."""

    chosen: Floats
    rejected: Floats

    def leak(self, weights: Floats | None = None) -> Leak:
        """Return how well the scores predict which answer was chosen.

        Args:
            weights: of the pairs; None counts all alike.
        """
        from sklearn.metrics import roc_auc_score  # 1 s to import: only where a classifier was fitted

        weights = np.ones(len(self.chosen)) if weights is None else weights
        margins = self.chosen - self.rejected
        right = np.where(margins > 0, 1.0, np.where(margins == 0, 0.5, 0.0))
        truth = np.repeat([1, 0], len(margins))
        scores = np.concatenate([self.chosen, self.rejected])
        overall = float(roc_auc_score(truth, scores, sample_weight=np.tile(weights, 2)))
        return Leak(float(np.average(right, weights=weights)), overall)


def score_answers(pairs: pl.DataFrame, what: What) -> AnswerScores | None:
    """Return the predictions for each pair of classifiers trained on other folds; None below MIN_PAIRS.

    The features of length are log characters and a step for each of eight ranges; style adds tags and measures.
    """
    if pairs.height < MIN_PAIRS:
        return None
    columns = [*STYLE_COLUMNS] if what == "style" else ["n_chars"]
    rejected = pairs.select(pl.col(f"{name}_rejected").alias(name) for name in columns)
    sides = pl.concat([pairs.select(columns), rejected])
    features = _length_features(sides) if what == "length" else _style_features(sides)
    scale = features.std(axis=0)
    scale[scale == 0.0] = 1.0
    features /= scale
    return _cross_score(pairs, features[: pairs.height], features[pairs.height :])


def thin(ties: npt.NDArray[np.uint64], scores: AnswerScores, bound: float) -> npt.NDArray[np.bool_]:
    """Return the pairs to leave out, so that the leakage of the others is within the limit.

    A pair is kept with the probability that `weigh` gives it, by its tie, 64 random bits: pairs that are easy to
    predict are thinned until they are as common as those that are predicted wrong.
    """
    weights = weigh(scores, bound)
    chances = ties / 2.0**64
    out: npt.NDArray[np.bool_] = chances >= weights
    n_least = max(1, int(_MIN_STEP * len(weights)))
    if out.sum() < n_least:  # the bound was met but for chance: the easiest ones go
        order = np.lexsort((chances, scores.rejected - scores.chosen))
        out[order[:n_least]] = True
    return out


def weigh(scores: AnswerScores, bound: float) -> Floats:
    """Return a weight in (0, 1] a pair, so that the weighted leak is within the bound.

    At strength 1 a pair that is predicted right with odds m to 1 weighs 1 / m, which balances right and wrong. The
    least strength that meets the bound is taken. Pairs that are predicted wrong weigh 1.
    """
    margins = np.maximum(scores.chosen - scores.rejected, 0.0)
    weights = np.ones(len(margins))
    for strength in np.arange(0.0, 4.01, 0.1):
        weights = np.exp(-strength * margins)
        if scores.leak(weights).worst <= bound:
            break
    return weights


def _style_features(sides: pl.DataFrame) -> Floats:
    known = sorted(sides["tags"].explode(empty_as_null=True).drop_nulls().unique())
    tags = sides.select(pl.col("tags").list.contains(tag).cast(pl.Float64).alias(tag) for tag in known)
    measures = sides.select(pl.col(name).fill_null(0).cast(pl.Float64).log1p() for name in _MEASURES)
    parts = [measures.to_numpy(), _length_features(sides)]
    return np.hstack([tags.to_numpy(), *parts] if known else parts)


def _length_features(side: pl.DataFrame) -> Floats:
    logs = np.log1p(side["n_chars"].to_numpy().astype(np.float64))
    edges = np.unique(np.quantile(logs, np.linspace(0, 1, _LENGTH_BINS + 1)[1:-1])) if len(logs) else np.zeros(0)
    steps = (logs[:, None] >= edges[None, :]).astype(np.float64)
    return np.hstack([logs[:, None], steps])


def _cross_score(pairs: pl.DataFrame, chosen: Floats, rejected: Floats) -> AnswerScores:
    folds = (pairs["problem_tie"].to_numpy() % N_FOLDS).astype(np.int64)
    ties = pairs["pair_tie"].to_numpy()
    scores = np.zeros((2, len(folds)))
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds != fold)
        rows = rows[np.argsort(ties[rows], kind="stable")][:MAX_FITTED]
        weights = _fit(chosen[rows] - rejected[rows])
        asked = folds == fold
        scores[0, asked], scores[1, asked] = chosen[asked] @ weights, rejected[asked] @ weights
    return AnswerScores(scores[0], scores[1])


def _fit(differences: Floats) -> Floats:
    """Return the weights of a logistic regression on chosen less rejected; zeros for fewer than two pairs."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if len(differences) < 2:
        return np.zeros(differences.shape[1])
    # Chosen less rejected is a positive example, and as well rejected less chosen a negative one: every other row.
    signs = np.where(np.arange(len(differences)) % 2 == 0, 1.0, -1.0)
    model = LogisticRegression(fit_intercept=False, solver="newton-cholesky", max_iter=100)
    with threadpool_limits(1):  # threads gain nothing at this size, and their sums differ in the last digits
        model.fit(differences * signs[:, None], signs)
    weights: Floats = model.coef_[0]
    return weights
