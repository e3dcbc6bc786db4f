"""The error of this package."""

from pairsmith.pipeline.run.errors import PairsmithError


class ScoringError(PairsmithError):
    """Something can't be scored or compared."""
