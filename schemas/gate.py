"""The gate: checks that a model, and the dataset that it was trained on, lost nothing that matters."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from pairsmith.schemas.score import Interval


class GateOutcome(StrEnum):
    """The outcome of one check."""

    HELD = "held"
    """No significant fall beyond what is allowed."""
    FELL = "fell"
    UNMEASURED = "unmeasured"
    """The measure could not be taken; this counts as fallen."""


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One check.

    Attributes:
        name: what `allow` refers to: `pass@1`, `diversity`, `slice topic=strings`, `set humaneval+`.
        change: after minus before, with its interval; NaN where nothing was measured.
        allowed: the fall that is allowed, >= 0, in the measure's own unit.
        reason: one sentence for a person.
    """

    name: str
    outcome: GateOutcome
    change: Interval
    allowed: float
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """All checks of one evaluation.

    Attributes:
        model: digest of the model or adapter that was scored; empty where it was none of this run's.
        checks: in the order of the report.
        allow: names of checks that the configuration lets fail.
    """

    model: str
    checks: tuple[GateCheck, ...]
    allow: tuple[str, ...] = ()

    def refusals(self, despite: Collection[str] = ()) -> tuple[GateCheck, ...]:
        """Return the checks that block publishing.

        Args:
            despite: further names of checks that may fail.
        """
        allowed = {*self.allow, *despite}
        return tuple(
            check for check in self.checks if check.outcome is not GateOutcome.HELD and check.name not in allowed
        )
