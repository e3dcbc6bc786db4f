"""The error of the report."""

from pairsmith.pipeline.run.errors import PairsmithError


class ReportError(PairsmithError):
    """The run folder can't be reported on."""
