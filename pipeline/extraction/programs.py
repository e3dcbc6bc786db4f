"""Finds the program in an answer to a stdin/stdout problem: a whole one, since nothing calls a part of it."""

import re

from pipeline.extraction.fences import find_blocks, starts_with_fence
from pipeline.extraction.readers import Reader, join
from pipeline.extraction.statements import margins
from schemas.candidate import Extraction

MAX_BLOCKS = 64  # fenced blocks that are looked at
MAX_ENDS = 200  # places tried as the end of a continued program, from the last
# How programs reach their input, in all languages of the table.
READS_INPUT = re.compile(
    r"\binput\s*\(|\bstdin\b|\bopen\s*\(\s*0|\bfileinput\b|\bcin\b|\bscanf\b|\bgetline\b|\bgetchar\b|\bgets\b|\bfgets\b"
    r"|\bSystem\.in\b|\breadline\b|\breadLine\b|\bos\.Stdin\b|\bfmt\.Scan|\bread\s+-?\w|\bmapfile\b|\breadarray\b"
    r"|/dev/stdin|\bos\.read\s*\(\s*0"
)

_Found = tuple[Extraction, str]


def extract_whole(text: str, opening: str, reader: Reader) -> tuple[str, _Found]:
    """Return where the program was found and what it is.

    Taken is the first fenced block that is a program and reads the input, else the first that is a program and
    does anything, with all that is in it; without blocks the text itself, less the prose around its statements.
    With an `opening` the text goes on from it, up to the last line that makes a program.

    Args:
        text: the completion.
        opening: code that it continues; empty for an answer in Markdown.
        reader: of the problem's language.
    """
    if opening and not starts_with_fence(text):
        return "continuation", _continued(opening + text.split("\n```")[0], reader)
    blocks = find_blocks(text)[:MAX_BLOCKS]
    if not blocks:
        return "bare", _bare(text, reader)
    programs = [block for block in blocks if reader.compiles(block) and _does_anything(block)]
    reading = [block for block in programs if READS_INPUT.search(block)]
    # A broken program is what the model meant, if nothing else reads the input.
    broken = [block for block in blocks if not reader.compiles(block) and READS_INPUT.search(block)]
    if reading or (programs and not broken):
        return "fenced", (Extraction.OK, reader.finish((reading or programs)[0]))
    return "fenced", (Extraction.SYNTAX_ERROR, reader.finish((broken or blocks)[0]))


def _does_anything(block: str) -> bool:
    """Return whether a block has something of a program in it: examples of input and output are blocks too."""
    return bool(re.search(r"[(={;]|^import\b|^#include|\becho\b", block, re.MULTILINE))


def _bare(text: str, reader: Reader) -> _Found:
    if reader.language is not None:
        return (Extraction.OK if _does_anything(text) else Extraction.NO_CODE), reader.finish(text)
    if reader.compiles(text):
        return (Extraction.OK if _does_anything(text) else Extraction.NO_CODE), reader.finish(text)
    pieces = reader.cut(text, True)
    code = reader.finish(join([one for one in pieces.statements if one.kind != "demo" or "(" in one.text]))
    if not _does_anything(code):
        return (Extraction.SYNTAX_ERROR, reader.finish(text)) if pieces.broken else (Extraction.NO_CODE, "")
    is_whole = reader.compiles(code) and (READS_INPUT.search(code) or not READS_INPUT.search(text))
    return (Extraction.OK if is_whole and not pieces.broken else Extraction.SYNTAX_ERROR), code


def _continued(whole: str, reader: Reader) -> _Found:
    lines = whole.split("\n")
    ends = [len(lines), *reversed([number for number in margins(lines) if number])][:MAX_ENDS]
    for end in ends:
        code = "\n".join(lines[:end])
        if reader.compiles(code):
            return (Extraction.OK if _does_anything(code) else Extraction.NO_CODE), reader.finish(code)
    return Extraction.SYNTAX_ERROR, reader.finish(whole)
