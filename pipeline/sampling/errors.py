"""The errors of this package."""

from pairsmith.pipeline.run.errors import InfrastructureError, PairsmithError


class SamplingError(PairsmithError):
    """Samples can't be had: no such model or file, a server that refuses, a backend that isn't installed."""


class ServerDownError(SamplingError, InfrastructureError):
    """A server or an engine went down, or fails all requests for now."""


class NoSignatureError(SamplingError):
    """One problem can't be put to the model: it has no signature to continue."""
