"""Fitted coefficients of the joint estimate, and how honest its probabilities are: both from known problems."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.packaged import packaged_folder
from pairsmith.pipeline.synthesis.agreement.joint import FEATURES, Coefficients

_EDGES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


class CalibrationError(PairsmithError):
    """A calibration can't be read."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Responses of about one posterior, each problem counting once.

    Attributes:
        n: responses; weight: problems' worth of them.
        predicted: mean posterior; right: share that is right, both in [0, 1].
    """

    n: int
    weight: float
    predicted: float
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted and measured on problems with known tests.

    Attributes:
        coefficients: fitted on all of them.
        bins: posteriors of problems that had no part in their fit, against the truth.
        error: expected calibration error: mean distance of predicted and right, weighted.
        n_problems: known problems. source: what they were, for a person.
    """

    coefficients: Coefficients
    bins: tuple[Bin, ...]
    error: float
    n_problems: int
    source: str

    def to_json(self) -> str:
        """Return it as the text that `read_calibration` reads."""
        return json.dumps({"features": FEATURES, **asdict(self)}, indent=1) + "\n"


def read_calibration(path: Path | None = None) -> Calibration:
    """Return a calibration; None reads the one that comes with pairsmith.

    Raises:
        CalibrationError: if the file isn't there, or is none of this version.
    """
    path = path if path is not None else packaged_folder("calibration", "data/calibration") / "agreement.json"
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        if tuple(row["features"]) != FEATURES:
            raise ValueError(f"features {row['features']}, not {FEATURES}")
        return Calibration(
            Coefficients(tuple(row["coefficients"]["weights"]), float(row["coefficients"]["none"])),
            tuple(Bin(**one) for one in row["bins"]),
            float(row["error"]),
            int(row["n_problems"]),
            str(row["source"]),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CalibrationError(
            f"{path}: no calibration ({error}); make one with benchmarks/agreement.py"
        ) from None


def measure_bins(
    posteriors: Sequence[npt.NDArray[np.float64]], right: Sequence[npt.NDArray[np.bool_]]
) -> tuple[tuple[Bin, ...], float]:
    """Return bins of posteriors against the truth, and the expected calibration error.

    Args:
        posteriors: of each problem's responses; right: whether each is.

    Source: Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """
    weights = np.concatenate([np.full(len(rows), 1 / max(len(rows), 1)) for rows in posteriors])
    values, truth = np.concatenate(list(posteriors)), np.concatenate(list(right)).astype(np.float64)
    place = np.clip(np.searchsorted(_EDGES, values, side="right") - 1, 0, len(_EDGES) - 2)
    bins, error = [], 0.0
    for number in range(len(_EDGES) - 1):
        inside = place == number
        weight = float(weights[inside].sum())
        if not weight:
            continue
        predicted = float(weights[inside] @ values[inside] / weight)
        share = float(weights[inside] @ truth[inside] / weight)
        bins.append(Bin(int(inside.sum()), weight, predicted, share))
        error += weight * abs(predicted - share)
    return tuple(bins), error / float(weights.sum())
