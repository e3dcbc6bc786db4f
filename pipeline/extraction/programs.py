"""Finds a whole program in an answer: for stdin/stdout problems, and for suites, which may call all of it."""

import re

from pairsmith.pipeline.extraction.fences import find_blocks, starts_with_fence
from pairsmith.pipeline.extraction.readers import Reader, join
from pairsmith.pipeline.extraction.statements import margins
from pairsmith.schemas.candidate import Extraction

MAX_BLOCKS = 64  # fenced blocks that are looked at
MAX_ENDS = 200  # places tried as the end of a continued program, from the last
# How programs reach their input, in all languages of the table.
READS_INPUT = re.compile(
    r"\binput\s*\(|\bstdin\b|\bopen\s*\(\s*0|\bfileinput\b|\bcin\b|\bscanf\b|\bgetline\b|\bgetchar\b|\bgets\b|\bfgets\b"
    r"|\bSystem\.in\b|\breadline\b|\breadLine\b|\bos\.Stdin\b|\bfmt\.Scan|\bread\s+-?\w|\bmapfile\b|\breadarray\b"
    r"|/dev/stdin|\bos\.read\s*\(\s*0"
)

_Found = tuple[Extraction, str]


def extract_whole(
    text: str, opening: str, reader: Reader, wanted: re.Pattern[str] = READS_INPUT
) -> tuple[str, _Found]:
    """Return where the program was found and what it is.

    Taken is the first fenced block that is a program and does what is wanted, else the first that is a program and
    does anything, with all that is in it; without blocks the text itself, less the prose around its statements.
    With an `opening` the text goes on from it, up to the last line that makes a program.

    Args:
        text: the completion.
        opening: code that it continues; empty for an answer in Markdown.
        reader: of the problem's language.
        wanted: found in the block that is meant: by default, that it reads the input.
    """
    if opening and not starts_with_fence(text):
        return "continuation", _continued(opening + text.split("\n```")[0], reader)
    blocks = find_blocks(text)[:MAX_BLOCKS]
    if not blocks:
        return "bare", _bare(text, reader, wanted)
    programs = [block for block in blocks if reader.compiles(block) and _does_anything(block)]
    reading = [block for block in programs if wanted.search(block)]
    # A broken program is what the model meant, if nothing else does that.
    broken = [block for block in blocks if not reader.compiles(block) and wanted.search(block)]
    if reading or (programs and not broken):
        return "fenced", (Extraction.OK, reader.finish((reading or programs)[0]))
    return "fenced", (Extraction.SYNTAX_ERROR, reader.finish((broken or blocks)[0]))


def defines(name: str) -> re.Pattern[str]:
    """Return what is found in a block that defines a name at its margin."""
    return re.compile(
        rf"^(?:(?:async\s+)?def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*[:=]", re.MULTILINE
    )


def _does_anything(block: str) -> bool:
    """Return whether a block has something of a program in it: examples of input and output are blocks too."""
    return bool(re.search(r"[(={;]|^import\b|^#include|\becho\b", block, re.MULTILINE))


def _bare(text: str, reader: Reader, wanted: re.Pattern[str]) -> _Found:
    if reader.language is not None:
        return (Extraction.OK if _does_anything(text) else Extraction.NO_CODE), reader.finish(text)
    if reader.compiles(text):
        return (Extraction.OK if _does_anything(text) else Extraction.NO_CODE), reader.finish(text)
    pieces = reader.cut(text, True)
    code = reader.finish(join([one for one in pieces.statements if one.kind != "demo" or "(" in one.text]))
    if not _does_anything(code):
        return (Extraction.SYNTAX_ERROR, reader.finish(text)) if pieces.broken else (Extraction.NO_CODE, "")
    is_whole = reader.compiles(code) and (wanted.search(code) or not wanted.search(text))
    return (Extraction.OK if is_whole and not pieces.broken else Extraction.SYNTAX_ERROR), code


def _continued(whole: str, reader: Reader) -> _Found:
    lines = whole.split("\n")
    ends = [len(lines), *reversed([number for number in margins(lines) if number])][:MAX_ENDS]
    for end in ends:
        code = "\n".join(lines[:end])
        if reader.compiles(code):
            return (Extraction.OK if _does_anything(code) else Extraction.NO_CODE), reader.finish(code)
    return Extraction.SYNTAX_ERROR, reader.finish(whole)
