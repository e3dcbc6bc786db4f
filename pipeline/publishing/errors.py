"""What publishing refuses or fails at."""

from pairsmith.pipeline.run.errors import InfrastructureError, PairsmithError


class PublishError(PairsmithError):
    """The Hub refuses, or must not be given this."""


class HeldBackError(PublishError):
    """The gate marked what was to be published."""


class HubDownError(PublishError, InfrastructureError):
    """The Hub can't be reached or broke off: the same push may go well later."""
