"""Reads the files that come with the drivers."""

import functools
from pathlib import Path

_FOLDER = Path(__file__).parent


@functools.cache
def read(name: str) -> str:
    """Return the text of a file of this folder."""
    return (_FOLDER / name).read_text(encoding="utf-8")
