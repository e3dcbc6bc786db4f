"""Reads Python text in threads."""

import ast
import threading

# Two threads in it at once can fail with "SystemError: AST constructor recursion depth mismatch":
# https://github.com/python/cpython/issues/106905, seen with CPython 3.11.7.
_ALONE = threading.Lock()


def parse_python(source: str, version: tuple[int, int] | None = None) -> ast.Module:
    """Return the tree of a Python text as `ast.parse` does; one thread reads at a time.

    Args:
        source: the text.
        version: the grammar's version, at most this interpreter's.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as `ast.parse`.
    """
    with _ALONE:
        return ast.parse(source, feature_version=version)
