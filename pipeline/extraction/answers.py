"""Reads a completion as an answer in Markdown: fenced blocks, or bare code between prose."""

import re
from typing import TypeAlias

from pairsmith.pipeline.extraction.fences import find_blocks, outside_blocks
from pairsmith.pipeline.extraction.needs import borrow, find_missing, select_needed
from pairsmith.pipeline.extraction.readers import Reader, join
from pairsmith.pipeline.extraction.statements import Pieces, Statement
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.problem import Problem

MAX_BLOCKS = 64  # fenced blocks that are looked at
MAX_STARTS = 16  # lines of bare text tried as the first one of the code

Found: TypeAlias = tuple[Extraction, str]


def extract_answer(text: str, problem: Problem, reader: Reader) -> tuple[str, Found]:
    """Return where the code was found and what it is.

    Looks into the fenced blocks; where they don't do, at all of the text without its fences.
    """
    entry_point, given = problem.entry_point, _given_statements(problem, reader)
    blocks = find_blocks(text)[:MAX_BLOCKS]
    if not blocks:
        return "bare", _extract_bare(text, given, entry_point, reader)
    pieces = [(block, reader.cut(block, False)) for block in map(_tidy, blocks)]
    fenced = _assemble(pieces, given, entry_point, reader)
    if fenced[0] is not Extraction.OK:
        bare = _extract_bare(outside_blocks(text), given, entry_point, reader)
        if bare[0] is Extraction.OK:
            return "bare", bare
    if fenced[0] is Extraction.NO_CODE:  # a fence says that this is code, whatever is in it
        return "fenced", (Extraction.SYNTAX_ERROR, reader.finish("\n".join(blocks)))
    return "fenced", fenced


def _given_statements(problem: Problem, reader: Reader) -> list[Statement]:
    """Return the imports and helpers that the prompt showed: an answer may count on them."""
    given = problem.continuation
    if not given:
        return []
    found = reader.cut(given, False).statements
    return [statement for statement in found if statement.binds and problem.entry_point not in statement.binds]


def _extract_bare(text: str, given: list[Statement], entry_point: str, reader: Reader) -> Found:
    if reader.language is not None:
        return _extract_foreign(text, given, entry_point, reader)
    found = _assemble([(text, reader.cut(text, True))], given, entry_point, reader)
    if found[0] in (Extraction.NO_CODE, Extraction.NO_ENTRY_POINT):
        indented = _indented_code(text, entry_point)
        if indented:
            again = _assemble([(indented, reader.cut(indented, True))], given, entry_point, reader)
            return again if again[0] is Extraction.OK else found
    return found


def _extract_foreign(text: str, given: list[Statement], entry_point: str, reader: Reader) -> Found:
    """Try the lines that could begin the code, since prose in front confuses a parser."""
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if _COULD_BEGIN.match(line)][:MAX_STARTS]
    tries = ["\n".join(lines[start:]) for start in [0, *starts]]
    found = [_assemble([(rest, reader.cut(rest, True))], given, entry_point, reader) for rest in tries]
    good = [code for extraction, code in found if extraction is Extraction.OK]
    if good:  # prose in front can swallow an import: the try that keeps most has it
        return Extraction.OK, max(good, key=len)
    if not starts:
        return Extraction.NO_CODE, ""
    if any(entry_point in line for line in lines[starts[0] :]):
        return Extraction.SYNTAX_ERROR, reader.finish("\n".join(lines[starts[0] :]))
    return found[0]


_COULD_BEGIN = re.compile(r"[#@\w].*[{(;<>\"=]|[#@]\w|import\b|use\b|package\b|\w+\(\)")
"""A line at the margin that has something of code in it."""


def _assemble(blocks: list[tuple[str, Pieces]], given: list[Statement], entry_point: str, reader: Reader) -> Found:
    pieces = [piece for _, piece in blocks]
    place = _choose(pieces, entry_point)
    if place is None:
        return _explain_absence(blocks, entry_point, reader)
    text, chosen = blocks[place]
    base = select_needed(chosen.statements, entry_point)
    before = [other for piece in pieces[:place] for other in piece.statements]
    after = [other for piece in pieces[place + 1 :] for other in piece.statements]
    borrowed = borrow(base, [*given, *before, *after], reader.builtins)
    ahead = {id(other) for other in (*given, *before)}
    if reader.language is not None:
        settings = _borrow_settings(base, [*given, *before, *after])
        borrowed, ahead = [*settings, *borrowed], ahead | {id(other) for other in settings}
    lead = [other for other in borrowed if id(other) in ahead]
    rest = [other for other in borrowed if id(other) not in ahead]
    program = [*lead, *base, *rest]
    broken = {name for piece in pieces for name in piece.broken}
    if not broken.isdisjoint(find_missing(program, reader.builtins)):
        return Extraction.SYNTAX_ERROR, reader.finish(text)
    if chosen.whole and len(program) == len(chosen.statements) == len(base):
        code = reader.finish(text)
    else:
        code = reader.finish("\n\n".join(join(part) + "\n" for part in (lead, base, rest) if part))
    return (Extraction.OK if reader.compiles(code) else Extraction.SYNTAX_ERROR), code


def _borrow_settings(base: list[Statement], others: list[Statement]) -> list[Statement]:
    """Return the includes, imports and the like of other blocks that the base doesn't have itself."""
    seen = {statement.text.strip() for statement in base}
    found: list[Statement] = []
    for other in others:
        if other.kind == "setting" and other.text.strip() not in seen:
            seen.add(other.text.strip())
            found.append(other)
    return found


def _choose(pieces: list[Pieces], entry_point: str) -> int | None:
    """Return the number of the first block that defines the entry point, one that only sketches it aside."""
    sketched: int | None = None
    for place, piece in enumerate(pieces):
        binding = [
            statement
            for statement in piece.statements
            if entry_point in statement.binds and statement.kind != "guard"
        ]
        if binding and not all(statement.stub for statement in binding):
            return place
        if binding and sketched is None:
            sketched = place
    return sketched


def _explain_absence(blocks: list[tuple[str, Pieces]], entry_point: str, reader: Reader) -> Found:
    broken = {name for _, piece in blocks for name in piece.broken}
    whole = "\n\n".join(block.strip("\n") for block, _ in blocks)
    if entry_point in broken:
        return Extraction.SYNTAX_ERROR, reader.finish(whole)
    found = [statement for _, piece in blocks for statement in piece.statements]
    code = [statement for statement in found if statement.kind != "demo" or "(" in statement.text]
    if code:
        return Extraction.NO_ENTRY_POINT, reader.finish(join(code))
    return (Extraction.SYNTAX_ERROR, reader.finish(whole)) if broken else (Extraction.NO_CODE, "")


def _tidy(block: str) -> str:
    """Return a block at the margin with one line end behind it: as a program has it, so it is parsed once."""
    return _dedent(block).rstrip("\n") + "\n"


def _dedent(block: str) -> str:
    """Return a block that is indented as a whole, as in a list, moved to the margin."""
    first = next(line for line in block.split("\n") if line.strip())
    width = len(first) - len(first.lstrip())
    if not width:
        return block
    return "\n".join(line[width:] if not line[:width].strip() else line for line in block.split("\n"))


def _indented_code(text: str, entry_point: str) -> str:
    """Return the code block that is set off by indentation and begins or holds the entry point; else nothing.

    A method is not taken out of its class, nor a function out of another statement.
    """
    header = re.search(rf"^([ \t]+)(?:async\s+)?def\s+{re.escape(entry_point)}\b", text, re.MULTILINE)
    if header is None:
        return ""
    before = text[: header.start()].split("\n")
    width = len(header[1])
    outer = [line for line in before if line.strip() and len(line) - len(line.lstrip()) < width]
    if outer and re.match(
        r"\s*(?:class|def|async|if|elif|else|for|while|with|try|except|finally)\b.*:", outer[-1]
    ):
        return ""
    start = len(before)
    while start and (not before[start - 1].strip() or not before[start - 1][:width].strip()):
        start -= 1
    return "\n".join(line[width:] if not line[:width].strip() else line for line in text.split("\n")[start:])
