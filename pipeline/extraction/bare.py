"""Finds code that stands between prose without fences."""

import re
from collections.abc import Sequence

from pairsmith.pipeline.extraction.blocks import Found, does_anything, find_owner
from pairsmith.pipeline.extraction.fences import outside_blocks
from pairsmith.pipeline.extraction.needs import borrow_around, find_missing, prune, put_before
from pairsmith.pipeline.extraction.readers import Reader, as_written, join
from pairsmith.pipeline.extraction.statements import Pieces, Statement
from pairsmith.schemas.candidate import Extraction, Span

MAX_STARTS = 16  # lines of bare text tried as the first one of the code
_COULD_BEGIN = re.compile(r"[#@\w].*[{(;<>\"=]|[#@]\w|import\b|use\b|package\b|\w+\(\)")
_LONE_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*$", re.MULTILINE)


def find_bare(text: str, entry_point: str, given: Sequence[Statement], reader: Reader) -> Found:
    """Return the code that stands in a text between prose, its fence lines left out.

    A text that is a program from its first to its last character is taken as it stands; else its statements are.
    """
    if reader.is_bare_program(text):
        whole = reader.cut(text, False)
        if _defines(whole, entry_point):
            lead, _ = borrow_around(whole.statements, given, (), reader)
            code = put_before(lead, as_written(text), whole.statements)
            return _found(code, prune(whole.statements, given, (), entry_point, reader), text, reader)
    fence = _LONE_FENCE.search(text)
    if fence is not None:  # the opening fence is missing: what stands before the closing one is the code
        before = text[: fence.start()]
        found = _find(before, entry_point, given, reader)
        if found.extraction is Extraction.OK:
            return found
    return _find(outside_blocks(text), entry_point, given, reader)


def find_bare_program(text: str, reader: Reader, reads: "re.Pattern[str]") -> Found:
    """Return a whole program that stands in a text between prose, for stdin or a suite."""
    fence = _LONE_FENCE.search(text)
    if fence is not None and not reader.is_bare_program(text) and does_anything(text[: fence.start()]):
        text = text[: fence.start()]
    if reader.language is not None:
        return _foreign_program(text, reader)
    if reader.compiles(text):
        found = Extraction.OK if does_anything(text) else Extraction.NO_CODE
        return Found(found, "bare", as_written(text), spans=(Span(0, len(text)),))
    pieces = reader.cut(text, True)
    code = reader.finish(join(_without_prose(pieces.statements)))
    if not does_anything(code):
        broken = Found(Extraction.SYNTAX_ERROR, "bare", as_written(text))
        return broken if pieces.broken else Found(Extraction.NO_CODE, "bare", "")
    is_whole = reader.compiles(code) and (reads.search(code) or not reads.search(text)) and not pieces.broken
    return Found(Extraction.OK if is_whole else Extraction.SYNTAX_ERROR, "bare", code, spans=_span(text, code))


def _foreign_program(text: str, reader: Reader) -> Found:
    """Return a program of another language from its first line that could be code, to its last one without
    prose.
    """
    if not does_anything(text):
        return Found(Extraction.NO_CODE, "bare", as_written(text))
    if reader.is_bare_program(text):
        return Found(Extraction.OK, "bare", as_written(text), spans=(Span(0, len(text)),))
    lines = text.split("\n")
    starts = [n for n, line in enumerate(lines) if _COULD_BEGIN.match(line)][:MAX_STARTS]
    for start in starts:
        for end in range(len(lines), start, -1):
            if end < len(lines) and lines[end].strip() and lines[end][:1].isspace():
                continue  # prose begins at the margin
            code = "\n".join(lines[start:end])
            if reader.is_bare_program(code) and does_anything(code):
                return Found(Extraction.OK, "bare", as_written(code), spans=_span(text, code))
    return Found(Extraction.OK, "bare", as_written(text), spans=(Span(0, len(text)),))


def _find(text: str, entry_point: str, given: Sequence[Statement], reader: Reader) -> Found:
    if reader.language is not None:
        return _find_foreign(text, entry_point, given, reader)
    found = _read(text, entry_point, given, reader)
    if found.extraction in (Extraction.NO_CODE, Extraction.NO_ENTRY_POINT):
        indented = _indented_code(text, entry_point)
        if indented:
            again = _read(indented, entry_point, given, reader)
            return again if again.extraction is Extraction.OK else found
    return found


def _find_foreign(text: str, entry_point: str, given: Sequence[Statement], reader: Reader) -> Found:
    """Try the lines that could begin the code, since prose in front confuses a parser."""
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if _COULD_BEGIN.match(line)][:MAX_STARTS]
    tries = ["\n".join(lines[start:]) for start in [0, *starts]]
    found = [_read(rest, entry_point, given, reader) for rest in tries]
    good = [one for one in found if one.extraction is Extraction.OK]
    if good:  # prose in front can swallow an import: the try that keeps most has it
        return max(good, key=lambda one: len(one.code))
    if not starts:
        return Found(Extraction.NO_CODE, "bare", "")
    if any(entry_point in line for line in lines[starts[0] :]):
        return Found(Extraction.SYNTAX_ERROR, "bare", as_written("\n".join(lines[starts[0] :])))
    return found[0]


def _read(text: str, entry_point: str, given: Sequence[Statement], reader: Reader) -> Found:
    pieces = reader.cut(text, True)
    if not _defines(pieces, entry_point):
        return _explain_absence(pieces, text, entry_point, reader)
    pruned = prune(pieces.statements, given, (), entry_point, reader, between_prose=True)
    needed = reader.cut(pruned, False).statements
    if not pieces.broken.isdisjoint(find_missing(needed, reader.builtins)):
        return Found(Extraction.SYNTAX_ERROR, "bare", as_written(text))
    if reader.language is not None:  # where prose is read as code, only what is needed is sure to be code
        return _found(pruned, "", text, reader)
    statements = _without_prose(pieces.statements)
    lead, _ = borrow_around(statements, given, (), reader)
    code = put_before(lead, reader.finish(join(statements)), statements)
    return _found(code if reader.compiles(code) else pruned, pruned, text, reader)


def _found(code: str, pruned: str, text: str, reader: Reader) -> Found:
    if not reader.compiles(code):
        return Found(Extraction.SYNTAX_ERROR, "bare", code)
    kept = pruned if pruned != code and reader.compiles(pruned) else ""
    return Found(Extraction.OK, "bare", code, kept, spans=_span(text, code))


def _span(text: str, code: str) -> tuple[Span, ...]:
    """Return where code stands in a text, from its first line to its last."""
    lines = [line for line in code.split("\n") if line.strip()]
    if not lines:
        return ()
    start, last = text.find(lines[0]), text.rfind(lines[-1])
    return (Span(start, last + len(lines[-1])),) if 0 <= start <= last else ()


def _defines(pieces: Pieces, entry_point: str) -> bool:
    return any(entry_point in one.binds and one.kind != "guard" for one in pieces.statements)


def _without_prose(statements: Sequence[Statement]) -> list[Statement]:
    """Return statements without words that happen to compile: a name, a number, `Note: this`."""
    return [one for one in statements if not one.is_words]


def _explain_absence(pieces: Pieces, text: str, entry_point: str, reader: Reader) -> Found:
    if entry_point in pieces.broken:
        return Found(Extraction.SYNTAX_ERROR, "bare", as_written(text))
    owner = find_owner(text, entry_point) if reader.language is None else ""
    code = [one for one in pieces.statements if one.kind != "demo" or "(" in one.text]
    if code:
        return Found(Extraction.NO_ENTRY_POINT, "bare", reader.finish(join(code)), method_of=owner)
    broken = Found(Extraction.SYNTAX_ERROR, "bare", as_written(text))
    return broken if pieces.broken else Found(Extraction.NO_CODE, "bare", "")


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
