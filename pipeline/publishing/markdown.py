"""Text of strangers in Markdown: it may hold anything, and is shown as what it is."""

import re

from pairsmith.pipeline.report.words import excerpt
from pairsmith.pipeline.run.safe_text import visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#!|<>&~$@:])")
_BACKTICKS = re.compile(r"`+")
_MAX_INLINE = 200


def inline(text: str) -> str:
    """Return text for a line or a cell of a table: one line, hidden characters written out, no markup in it."""
    line = " ".join(visible(text[: _MAX_INLINE + 1]).split())
    if len(text) > _MAX_INLINE:
        line = line[:_MAX_INLINE] + "…"
    # References of HTML stand for themselves in every Markdown; a backslash does so before punctuation only.
    return _SPECIAL.sub(lambda found: f"&#{ord(found[1])};", line)


def fenced(text: str, language: str = "") -> str:
    """Return the beginning of a text as a block of code, under a fence longer than any that the text has."""
    shown = excerpt(visible(text[:8000]), n_lines=40, n_chars=3000)
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shown}\n{fence}"
