"""What a program's process says to the supervisor: the first byte behind the nonce, and names of exceptions."""

from __future__ import annotations

LOADED, VALUE, RAISED, MISSING, TOO_LARGE = b"L", b"V", b"R", b"M", b"T"
ENDED = b"E"  # the child that ran on one input ended badly; then how, such as SystemExit or SIGSEGV
CALL_OUT, TESTED = b"C", b"P"  # a tester's: asks for a value, is through
NONCE_BYTES = 16
READY = b"+"  # said once, without a frame, by a process that is locked down, before it has read anything


def type_name(error: BaseException) -> bytes:
    """Return the exception type's name; SystemExit and MemoryError count with their subclasses.

    A module that is not there is named behind it: `ModuleNotFoundError.numpy`.
    """
    for known in (SystemExit, MemoryError):
        if isinstance(error, known):
            return known.__name__.encode()
    if type(error) is ModuleNotFoundError and isinstance(error.name, str):
        return b"ModuleNotFoundError." + error.name.partition(".")[0][:60].encode("ascii", "replace")
    return str(type(error).__name__)[:100].encode("ascii", "replace")
