"""The bases of every error that is reported to a user in one line."""


class PairsmithError(Exception):
    """Something that the user can remedy; the message is one line: what, where, what to try."""


class InfrastructureError(PairsmithError):
    """Something outside failed that may be well again without anybody: an engine, a server, a connection."""


def first_line(error: BaseException) -> str:
    """Return the first line of a library's error, cut to 200 characters; its type if the message is empty."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
