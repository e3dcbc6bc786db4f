"""Fenced code blocks in Markdown, as models write it.

CommonMark's fences, and what models make of them: a fence behind a list marker, a block that is never closed,
a closing fence glued to the last line, a new block opened while one is open. The language tag is not looked
at: it is often wrong, and the code says more.
"""

import re

_FENCE = re.compile(r"^(?P<indent>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$")


def find_blocks(text: str) -> list[str]:
    """Return the contents of the fenced blocks of a text that hold anything, in order."""
    blocks: list[str] = []
    lines: list[str] | None = None
    opened = ""
    indent = 0
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if lines is None:
            if match:
                lines, opened, indent = [], match["fence"], len(match["indent"])
        elif match and _closes(match, opened):
            blocks.append("\n".join(lines))
            lines = None
        elif match and _opens_another(match, opened):
            blocks.append("\n".join(lines))
            lines, opened, indent = [], match["fence"], len(match["indent"])
        else:
            lines.append(_strip_indent(line, indent))
    if lines is not None:
        blocks.append("\n".join(lines).split(opened)[0])
    return [block for block in blocks if block.strip()]


def outside_blocks(text: str) -> str:
    """Return the text with its fence lines taken out, the contents of the blocks kept."""
    return "\n".join("" if _FENCE.match(line) else line for line in text.split("\n"))


def starts_with_fence(text: str) -> bool:
    """Return whether the first line that isn't blank is a fence."""
    return bool(_FENCE.match(text.lstrip("\n").split("\n")[0]))


def _closes(match: re.Match[str], opened: str) -> bool:
    fence = match["fence"]
    return fence[0] == opened[0] and len(fence) >= len(opened) and not match["info"].strip()


def _opens_another(match: re.Match[str], opened: str) -> bool:
    """Return whether a fence with a tag stands where a closing one was forgotten: never so in CommonMark."""
    return match["fence"][0] == opened[0] and bool(re.fullmatch(r"\s*\w+\s*", match["info"]))


def _strip_indent(line: str, indent: int) -> str:
    """Remove at most `indent` characters of leading white space."""
    n_space = len(line) - len(line.lstrip(" \t"))
    return line[min(n_space, indent) :]
