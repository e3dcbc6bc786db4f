"""The error of the report."""

from pipeline.errors import PairsmithError


class ReportError(PairsmithError):
    """The run folder can't be reported on."""
