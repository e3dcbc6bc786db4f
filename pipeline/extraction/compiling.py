"""Whether a text is Python. It is compiled, never run."""

import threading
import warnings

_LOCK = threading.Lock()  # warnings.catch_warnings changes the filters of all threads


def compiles(code: str) -> bool:
    """Return whether Python compiles this text as a module; too deeply nested or with null bytes is not."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "<candidate>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
            return False
    return True
