"""The gate: checks that a model, and the dataset that it was trained on, lost nothing that matters.

`evaluate` writes `gate.json` into the run folder. `publish` reads it and stops at `Gate.refusals`, unless the user
allows a check by its name. A measure that could not be taken counts as fallen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from pairsmith.pipeline.evaluation.estimates import UNDEFINED, ScoringError
from pairsmith.pipeline.evaluation.score import make_reader, scores_to_json
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.models import digest_folder
from pairsmith.schemas.config import GateConfig
from pairsmith.schemas.score import Gain, Gate, GateCheck, GateOutcome

GATE_FILE = "gate.json"
STALE = "evaluation"  # name of the check that another model was scored than the one that is there
_read = make_reader(TypeAdapter(Gate), "gate")


class GateError(PairsmithError):
    """The gate's file can't be read."""


def check_gate(
    gains: Sequence[Gain],
    slices: Mapping[str, Gain],
    sets: Mapping[str, Gain],
    config: GateConfig,
    model: str = "",
) -> Gate:
    """Return the checks of an evaluation.

    Args:
        gains: on the held-out problems, by measure.
        slices: gain of pass@1 of each slice that has enough problems.
        sets: gain of pass@1 on each further set.
        model: digest of what was scored.
    """
    by_measure = {gain.measure: gain for gain in gains}
    rows = [
        ("pass@1", by_measure.get("pass@1"), config.max_pass_fall, "held-out pass@1"),
        ("diversity", by_measure.get("distinct_syntax"), config.max_diversity_fall, "distinct syntax"),
    ]
    rows += [(f"slice {n}", slices.get(n), config.max_slice_fall, f"pass@1 of slice {n}") for n in config.slices]
    rows += [(f"set {n}", sets.get(n), config.max_pass_fall, f"pass@1 of {n}") for n in config.sets]
    return Gate(model, tuple(_check(*row, config.evidence == "estimate") for row in rows))


def _check(name: str, gain: Gain | None, allowed: float, words: str, by_estimate: bool) -> GateCheck:
    if gain is None or math.isnan(gain.change.value):
        reason = f"{words} was not measured; evaluate on more problems, or remove the check"
        return GateCheck(name, GateOutcome.UNMEASURED, UNDEFINED, allowed, reason)
    change = gain.change
    is_lower = change.value < -allowed
    numbers = f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
    if is_lower and (gain.is_significant or by_estimate):
        reason = f"{words} fell: {numbers}, {allowed:g} is allowed"
        return GateCheck(name, GateOutcome.FELL, change, allowed, reason)
    doubt = " (a fall, not significant)" if is_lower else ""
    return GateCheck(name, GateOutcome.HELD, change, allowed, f"{words} held: {numbers}{doubt}")


def write_gate(run: Path, gate: Gate) -> None:
    """Write the gate's file into a run folder."""
    write_whole(run / GATE_FILE, scores_to_json(gate).encode())


def read_gate(folder: Path) -> Gate | None:
    """Return the gate of a run; None where nothing was evaluated.

    If the scored adapter is not the run's, the additional check `evaluation` fails.

    Args:
        folder: the run folder, or a folder of it: `dataset`, `training/adapter`.

    Raises:
        GateError: if the file is broken.
    """
    place = next(
        (place for place in (folder, *folder.absolute().parents[:2]) if (place / GATE_FILE).is_file()), None
    )
    if place is None:
        return None
    try:
        gate = _read((place / GATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, ScoringError) as error:
        line = str(error).partition("\n")[0].removesuffix("; score again")
        raise GateError(f"{place / GATE_FILE}: {line}; run `pairsmith evaluate` again") from None
    if gate.model == model_digest(place):
        return gate
    reason = "the model has changed since it was scored; run `pairsmith evaluate` again"
    check = GateCheck(STALE, GateOutcome.UNMEASURED, UNDEFINED, 0.0, reason)
    return replace(gate, checks=(*gate.checks, check))


def model_digest(run: Path) -> str:
    """Return the digest of what a run trained, adapter or whole model; empty where it trained nothing."""
    for name in ("adapter", "model"):
        if (run / "training" / name).is_dir():
            return digest_folder(run / "training" / name)
    return ""
