"""What the gate found: whether a model, and the dataset that it was trained on, lost what they must not lose."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from pairsmith.schemas.score import Interval


class GateOutcome(StrEnum):
    """What came of one check."""

    HELD = "held"
    """It did not fall by more than is let through, or nothing shows that it did."""
    FELL = "fell"
    UNMEASURED = "unmeasured"
    """Nothing was measured that could tell: as good as fallen."""


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One check.

    Attributes:
        name: what it is let through by: `pass@1`, `diversity`, `slice topic=strings`, `set humaneval+`.
        change: after minus before, with its interval; NaN where nothing was measured.
        allowed: the fall that is let through, >= 0, in the measure's own unit.
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
        checks: in the order in which they are told.
        allow: names of checks that the configuration lets through.
    """

    model: str
    checks: tuple[GateCheck, ...]
    allow: tuple[str, ...] = ()

    def refusals(self, despite: Collection[str] = ()) -> tuple[GateCheck, ...]:
        """Return the checks that stand against publishing; none means that nothing does.

        Args:
            despite: names of checks that the user lets through, besides those of the configuration.
        """
        told = {*self.allow, *despite}
        return tuple(
            check for check in self.checks if check.outcome is not GateOutcome.HELD and check.name not in told
        )
