"""Scores and gains as JSON and back. NaN, a mean over nothing, is `null`."""

import json
import math
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pairsmith.pipeline.evaluation.scores.errors import ScoringError
from pairsmith.schemas.score import Gain, Score, SliceGain

T = TypeVar("T")
_SCORE = TypeAdapter(Score)
_GAINS = TypeAdapter(tuple[Gain, ...])
_SLICES = TypeAdapter(tuple[SliceGain, ...])


def score_to_json(score: Score) -> str:
    """Return a score as indented JSON with sorted keys."""
    return _dump(asdict(score))


def score_from_json(text: str) -> Score:
    """Return the score of such a text.

    Raises:
        ScoringError: if the text is not a score.
    """
    return _load(_SCORE, text, "score")


def gains_to_json(gains: tuple[Gain, ...]) -> str:
    """Return gains as indented JSON with sorted keys."""
    return _dump([asdict(gain) for gain in gains])


def gains_from_json(text: str) -> tuple[Gain, ...]:
    """Return the gains of such a text.

    Raises:
        ScoringError: if the text is not a list of gains.
    """
    return _load(_GAINS, text, "list of gains")


def slices_to_json(slices: tuple[SliceGain, ...]) -> str:
    """Return slices as indented JSON with sorted keys."""
    return _dump([asdict(part) for part in slices])


def slices_from_json(text: str) -> tuple[SliceGain, ...]:
    """Return the slices of such a text.

    Raises:
        ScoringError: if the text is not a list of slices.
    """
    return _load(_SLICES, text, "list of slices")


def _dump(tree: Any) -> str:
    return json.dumps(_swap(tree, math.nan, None), indent=2, sort_keys=True, allow_nan=False) + "\n"


def _load(adapter: TypeAdapter[T], text: str, kind: str) -> T:
    try:
        return adapter.validate_python(_swap(json.loads(text), None, math.nan))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ScoringError(f"not a {kind}: {where}: {error.errors()[0]['msg']}; score again") from None
    except ValueError as error:
        raise ScoringError(f"not a {kind}: {error}; score again") from None


def _swap(tree: Any, old: float | None, new: float | None) -> Any:
    """Return a tree of JSON with one stand-in for NaN replaced by the other."""
    if isinstance(tree, dict):
        return {key: _swap(value, old, new) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_swap(item, old, new) for item in tree]
    is_old = tree is None if old is None else isinstance(tree, float) and math.isnan(tree)
    return new if is_old else tree
