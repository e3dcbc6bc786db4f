"""When a completion is done before the model says so."""

import re

from pairsmith.pipeline.extraction.blocks import READS_INPUT
from pairsmith.pipeline.languages.table import find_grammar
from pairsmith.pipeline.sampling.protocol import Form, Request

_BLOCK = re.compile(r"^[ \t]*```[^\n`]*\n(?P<code>.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)


def stop_texts(form: Form, language: str) -> tuple[str, ...]:
    """Return the texts that end a completion; none for chat answers, which end where the model says."""
    return find_grammar(language).stops if form == "continuation" else ()


def find_end(text: str, request: Request, stop_at_code: bool) -> int | None:
    """Return where a completion ends, as an offset into its text; None while it goes on.

    Args:
        text: all that was drawn so far.
        request: what was asked, with its stop texts.
        stop_at_code: end a chat answer behind the first closed code block that defines the entry point. What
            a model writes after it (examples, explanations) is no part of the program; small models ramble.
    """
    ends = [at for at in (text.find(stop) for stop in request.stop) if at >= 0]
    if stop_at_code and request.opening.template == "chat":
        block = _first_answer(text, request.entry_point)
        if block is not None:
            ends.append(block.end())
    return min(ends, default=None)


def _first_answer(text: str, entry_point: str) -> re.Match[str] | None:
    """Return the first closed block that defines the entry point; one that reads input, where there is none."""
    owner, _, method = entry_point.rpartition(".")
    name = re.escape(method)
    function = rf"\b(?:def|function|func|fn)\s+{name}\b|\b{name}\s*=|\b{name}\s*\([^;{{}}]*\)[^;{{}}\n]*\{{"
    defines = re.compile(rf"\bclass\s+{re.escape(owner)}\b" if owner else function)
    if not entry_point:  # a program on stdin
        defines = READS_INPUT
    return next((block for block in _BLOCK.finditer(text) if defines.search(block["code"])), None)
