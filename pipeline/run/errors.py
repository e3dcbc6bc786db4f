"""The bases of every error that a user is told in one line."""


class PairsmithError(Exception):
    """Something that the user can remedy; the message is one line: what, where, what to try."""


class InfrastructureError(PairsmithError):
    """Something outside failed that may be well again without anybody: an engine, a server, a connection."""
