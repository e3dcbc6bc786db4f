"""The error of this package."""

from pipeline.errors import PairsmithError


class ScoringError(PairsmithError):
    """Something can't be scored or compared."""
