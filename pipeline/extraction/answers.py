"""Reads an answer in Markdown: fenced blocks first, else bare code between prose."""

import re
from collections.abc import Sequence
from dataclasses import replace

from pairsmith.pipeline.extraction.blocks import READS_INPUT, Blocks, Found, does_anything
from pairsmith.pipeline.extraction.fences import (
    Block,
    html_as_fences,
    indented_chunks,
    indented_code,
    outside_blocks,
)
from pairsmith.pipeline.extraction.needs import borrow_around, find_missing, prune, put_before
from pairsmith.pipeline.extraction.readers import (
    MAX_STARTS,
    Reader,
    as_written,
    find_stretch,
    find_stretches,
    join,
)
from pairsmith.pipeline.extraction.statements import Pieces, Statement, find_owner
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.config.judging import ExtractionConfig
from pairsmith.schemas.pair import Span
from pairsmith.schemas.problem import Problem

_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")  # code in a sentence
_MAIN = re.compile(r"\bmain\s*\(")
# A line that is code whatever the grammar says of it, in languages with braces.
_CODE_LINE = re.compile(
    r"[;{][ \t]*(?://.*)?$|;[ \t]*}[ \t]*$|^[ \t]*}[;)]*[ \t]*$|^[ \t]*#[ \t]*(?:include|define|pragma|if|endif)\b"
    r"|^package[ \t]+\w+$|^import\b",
    re.MULTILINE,
)
_WORDS = re.compile(r"\w[,.]?[ \t]+\w+[,.]?[ \t]+\w|:[ \t]*$")  # a sentence, or what announces the code
_LONE_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*$", re.MULTILINE)


def find_bare(text: str, entry_point: str, given: Sequence[Statement], reader: Reader, order: str) -> Found:
    """Return the code that is in a text between prose, its fence lines left out.

    A text that is a program from its first to its last character is taken unchanged; else its statements are.
    One that defines the entry point twice, with prose between, is ambiguous by the order `agree`.
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
        found = _find(before, entry_point, given, reader, order)
        if found.extraction is Extraction.OK:
            return found
    outside = outside_blocks(text)
    found = _find(outside, entry_point, given, reader, order)
    if (
        order == "agree"
        and found.extraction is Extraction.OK
        and not found.others
        and _defines_twice(outside, found.code, entry_point, reader)
    ):
        return replace(found, extraction=Extraction.AMBIGUOUS)
    return found


def find_bare_program(text: str, reader: Reader, reads: "re.Pattern[str]") -> Found:
    """Return a whole program that is in a text between prose, for stdin or a suite."""
    fence = _LONE_FENCE.search(text)
    if fence is not None and not reader.is_bare_program(text) and does_anything(text[: fence.start()]):
        text = text[: fence.start()]
    if reader.language is not None:
        return find_foreign_program(text, reader, reads)
    if reader.compiles(text):
        found = Extraction.OK if does_anything(text) else Extraction.NO_CODE
        return Found(found, "bare", as_written(text), spans=(Span(0, len(text)),))
    pieces = reader.cut(text, True)
    code = reader.finish(join(_without_prose(pieces.statements)))
    if not does_anything(code):
        chunks = [chunk for chunk in indented_chunks(text) if reader.compiles(chunk) and reads.search(chunk)]
        if len({chunk.strip() for chunk in chunks}) == 1:
            return Found(Extraction.OK, "bare", as_written(chunks[0]), spans=_span(text, chunks[0]))
        broken = Found(Extraction.SYNTAX_ERROR, "bare", as_written(text))
        return broken if pieces.broken else Found(Extraction.NO_CODE, "bare", "")
    is_whole = reader.compiles(code) and (reads.search(code) or not reads.search(text)) and not pieces.broken
    return Found(Extraction.OK if is_whole else Extraction.SYNTAX_ERROR, "bare", code, spans=_span(text, code))


def find_foreign_program(text: str, reader: Reader, reads: "re.Pattern[str]" = READS_INPUT) -> Found:
    """Return a program of another language from its first line that could be code, to its last one without
    prose.

    Grammars do not know what macros expand to, so a part that parses is the program only if it has all that makes
    one; else the lines are taken from the first to the last one that looks like code.
    """
    if not does_anything(text):
        return Found(Extraction.NO_CODE, "bare", as_written(text))
    if reader.is_bare_program(text):
        return Found(Extraction.OK, "bare", as_written(text), spans=(Span(0, len(text)),))
    lines = text.split("\n")
    starts = [n for n, line in enumerate(lines) if reader.could_begin(line)][:MAX_STARTS]
    for start in starts:
        for end in range(len(lines), start, -1):
            if end < len(lines) and lines[end].strip() and lines[end][:1].isspace():
                continue  # prose begins at the margin
            code = "\n".join(lines[start:end])
            if reader.is_bare_program(code) and does_anything(code):
                if _is_whole_program(code, "\n".join([*lines[:start], "", *lines[end:]]), reads):
                    return Found(Extraction.OK, "bare", as_written(code), spans=_span(text, code))
                break
    code = text if reader.name == "bash" else _without_words_around(lines, reader)
    return Found(Extraction.OK, "bare", as_written(code), spans=_span(text, code))


def _without_words_around(lines: Sequence[str], reader: Reader) -> str:
    """Return lines without the words before the first line that looks like code, and behind the last one."""
    kept = [n for n, line in enumerate(lines) if _CODE_LINE.search(line) or line.startswith(reader.comment)]
    start, end = (kept[0], kept[-1] + 1) if kept else (0, len(lines))
    start = start if any(map(_WORDS.search, lines[:start])) else 0
    end = end if any(map(_WORDS.search, lines[end:])) else len(lines)
    return "\n".join(lines[start:end])


def _is_whole_program(code: str, rest: str, reads: "re.Pattern[str]") -> bool:
    """Return whether code that parses is a program without the lines around it."""
    if any(pattern.search(rest) and not pattern.search(code) for pattern in (reads, _MAIN)):
        return False
    return bool(_MAIN.search(rest)) or not _CODE_LINE.search(rest)  # a second program, or prose


def _find(text: str, entry_point: str, given: Sequence[Statement], reader: Reader, order: str) -> Found:
    if reader.language is not None:
        return _find_foreign(text, entry_point, given, reader, order)
    found = _read(text, entry_point, given, reader)
    if found.extraction in (Extraction.NO_CODE, Extraction.NO_ENTRY_POINT):
        indented = indented_code(text, entry_point)
        if indented:
            again = _read(indented, entry_point, given, reader)
            return again if again.extraction is Extraction.OK else found
    return found


def _find_foreign(text: str, entry_point: str, given: Sequence[Statement], reader: Reader, order: str) -> Found:
    """Return the stretches of lines between prose that are the program, unchanged, joined like blocks.

    Where none is a program, the statements that the entry point needs are taken. Prose in front confuses a parser,
    so the lines that could begin the code are tried.
    """
    for part in (text, *indented_chunks(text)):
        stretches = _stretches(part, reader)
        if not stretches:
            continue
        found = Blocks(part, entry_point, given, reader, stretches).find_function(order, False)
        if found is not None and found.extraction is Extraction.OK:
            spans = found.spans if part is text else _span(text, found.code)
            return replace(found, form="bare", spans=spans, is_joined=False)
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if reader.could_begin(line)][:MAX_STARTS]
    tries = ["\n".join(lines[start:]) for start in [0, *starts]]
    read = [_read(rest, entry_point, given, reader) for rest in tries]
    good = [found for found in read if found.extraction is Extraction.OK]
    if good:  # prose in front can swallow an import: the try that keeps most has it
        return max(good, key=lambda found: len(found.code))
    if not starts:
        return Found(Extraction.NO_CODE, "bare", "")
    if any(entry_point in line for line in lines[starts[0] :]):
        return Found(Extraction.SYNTAX_ERROR, "bare", as_written("\n".join(lines[starts[0] :])))
    return read[0]


def _stretches(text: str, reader: Reader) -> list[Block]:
    """Return the programs between prose as blocks."""
    lines, blocks = text.split("\n"), []
    for first, last in find_stretches(text, reader):
        start = sum(len(line) + 1 for line in lines[:first])
        code = "\n".join(lines[first:last])
        end = start + len(code)
        blocks.append(Block(code, "", start, end, start, end, is_closed=True, is_program=True))
    return blocks


def _read(text: str, entry_point: str, given: Sequence[Statement], reader: Reader) -> Found:
    pieces = reader.cut(text, True)
    if not _defines(pieces, entry_point):
        return _explain_bare_absence(pieces, text, entry_point, reader)
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


def _defines_twice(text: str, code: str, entry_point: str, reader: Reader) -> bool:
    """Return whether a text with prose holds two programs that define the entry point, and do so differently."""
    if reader.language is not None:
        other = find_stretch(text.replace(code.strip("\n"), ""), entry_point, reader)
        return bool(other) and other.strip() not in code
    defined = [row for row in reader.cut(text, True).statements if entry_point in row.binds and not row.stub]
    return len({row.text.strip() for row in defined if row.kind != "guard"}) > 1


def _span(text: str, code: str) -> tuple[Span, ...]:
    """Return where code is in a text, from its first line to its last."""
    lines = [line for line in code.split("\n") if line.strip()]
    if not lines:
        return ()
    start, last = text.find(lines[0]), text.rfind(lines[-1])
    return (Span(start, last + len(lines[-1])),) if 0 <= start <= last else ()


def _defines(pieces: Pieces, entry_point: str) -> bool:
    return any(entry_point in row.binds and row.kind != "guard" for row in pieces.statements)


def _without_prose(statements: Sequence[Statement]) -> list[Statement]:
    """Return statements without words that happen to compile: a name, a number, `Note: this`."""
    return [row for row in statements if not row.is_words]


def _explain_bare_absence(pieces: Pieces, text: str, entry_point: str, reader: Reader) -> Found:
    if entry_point in pieces.broken:
        return Found(Extraction.SYNTAX_ERROR, "bare", as_written(text))
    if code := [row for row in pieces.statements if row.kind != "demo" or "(" in row.text]:
        is_whole = reader.is_bare_program(text)
        program = as_written(text) if is_whole else reader.finish(join(_without_prose(code)))
        owner = find_owner(program, entry_point) if reader.language is None else ""
        return Found(Extraction.NO_ENTRY_POINT, "bare", program, spans=_span(text, program), method_of=owner)
    broken = Found(Extraction.SYNTAX_ERROR, "bare", as_written(text))
    return broken if pieces.broken else Found(Extraction.NO_CODE, "bare", "")


def find_function(text: str, problem: Problem, reader: Reader, config: ExtractionConfig) -> Found:
    """Return the program that defines the problem's entry point.

    A text that is already a program is one, whatever lines in it look like fences. Else the blocks that
    define the entry point are, each whole; else code between prose.
    """
    name, given = problem.entry_point, given_statements(problem, reader)
    if "<pre" in text and not reader.is_bare_program(text):
        text = html_as_fences(text)
    if "```" not in text and "~~~" not in text:
        bare = find_bare(text, name, given, reader, config.blocks)
        inline = _find_inline(text, name, reader) if bare.extraction is Extraction.NO_CODE else None
        return inline or _accept_method(bare, config)
    if reader.is_bare_program(text):
        return find_bare(text, name, given, reader, config.blocks)
    blocks = Blocks(text, name, given, reader)
    found = blocks.find_function(config.blocks, config.accept_method)
    if found is not None and (
        found.extraction in (Extraction.OK, Extraction.AMBIGUOUS) or blocks.is_broken_whole()
    ):
        return found
    bare = find_bare(text, name, given, reader, config.blocks)
    if bare.extraction is Extraction.OK:
        return bare
    if found is not None:
        return found
    if not blocks.choices:
        return bare
    return _explain_absence(blocks, reader)


def find_program(
    text: str, reader: Reader, config: ExtractionConfig, wanted: re.Pattern[str] = READS_INPUT
) -> Found:
    """Return a whole program, for stdin/stdout problems, and for suites, which may call all of it.

    Args:
        config: which of several different blocks counts.
        wanted: found in the block that is meant: by default, that it reads the input.
    """
    if "<pre" in text and not reader.is_bare_program(text):
        text = html_as_fences(text)
    if ("```" in text or "~~~" in text) and not reader.is_bare_program(text):
        found = Blocks(text, "", (), reader).find_program(config.blocks, wanted.search)
        if found is not None:
            return found
    return find_bare_program(text, reader, wanted)


def _find_inline(text: str, entry_point: str, reader: Reader) -> Found | None:
    """Return the only code between backticks in a sentence that is a program and defines the entry point."""
    spans = [match for match in _INLINE.finditer(text) if entry_point in match[1] and reader.is_program(match[1])]
    found = [match for match in spans if _defines(reader.cut(match[1], False), entry_point)]
    if len({match[1] for match in found}) != 1:
        return None
    return Found(Extraction.OK, "bare", as_written(found[0][1]), spans=(Span(found[0].start(1), found[0].end(1)),))


def defines(name: str) -> re.Pattern[str]:
    """Return what is found in a block that defines a name at its margin."""
    return re.compile(
        rf"^(?:(?:async\s+)?def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*[:=]", re.MULTILINE
    )


def given_statements(problem: Problem, reader: Reader) -> list[Statement]:
    """Return the imports and helpers that the prompt showed: an answer may count on them."""
    given = problem.continuation
    if not given:
        return []
    found = reader.cut(given, False).statements
    return [statement for statement in found if statement.binds and problem.entry_point not in statement.binds]


def _accept_method(found: Found, config: ExtractionConfig) -> Found:
    """Return a bare class whose method is asked for as the program, where that is accepted."""
    if found.extraction is Extraction.NO_ENTRY_POINT and found.method_of and config.accept_method:
        return replace(found, extraction=Extraction.OK)
    return found


def _explain_absence(blocks: Blocks, reader: Reader) -> Found:
    broken = {name for choice in blocks.choices for name in choice.pieces.broken}
    whole = "\n\n".join(choice.block.code.strip("\n") for choice in blocks.choices)
    rows = [row for choice in blocks.choices for row in choice.statements]
    code = [row for row in rows if row.kind != "demo" or "(" in row.text]
    if code:
        return Found(Extraction.NO_ENTRY_POINT, "fenced", reader.finish(join(code)))
    if broken or rows or whole.strip():
        return Found(Extraction.SYNTAX_ERROR, "fenced", as_written(whole))
    return Found(Extraction.NO_CODE, "none", "")
