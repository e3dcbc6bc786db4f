"""Reads a completion as the rest of a function that the prompt began."""

import re
from dataclasses import replace

from tree_sitter import Node, Parser

from pairsmith.pipeline.extraction.answers import find_foreign_program, find_function
from pairsmith.pipeline.extraction.blocks import Found, does_anything
from pairsmith.pipeline.extraction.fences import starts_with_fence
from pairsmith.pipeline.extraction.needs import borrow, find_missing
from pairsmith.pipeline.extraction.readers import Reader, join
from pairsmith.pipeline.extraction.statements import margins
from pairsmith.pipeline.languages.grammar import Grammar as Language
from pairsmith.pipeline.syntax.parsing import to_source
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.config.judging import ExtractionConfig
from pairsmith.schemas.pair import Span
from pairsmith.schemas.problem import Problem

MAX_ENDS = 8  # places tried as the function's end
MAX_PROGRAM_ENDS = 200  # places tried as the end of a continued program, from the last
_ANY_ALTERATION = re.compile(r"^\w+[.\[].*=", re.MULTILINE)
_ANY_BINDING = re.compile(r"^(?:async\s+def|def|class|import|from)\b|^@|^\w+\s*(?::[^=\n]*)?=", re.MULTILINE)


def find_continuation(
    text: str, opening: str, problem: Problem, reader: Reader, config: ExtractionConfig
) -> Found:
    """Return the function that a prompt began and a completion ends, with the later definitions that it needs.

    Args:
        opening: the code that it continues.
        config: for completions that begin anew, and are read as an answer.
    """
    if starts_with_fence(text):
        return find_function(text, problem, reader, config)
    if reader.language is not None:
        return _continue_foreign(text, opening, problem, reader, reader.language, config)
    entry_point = problem.entry_point
    whole = opening + text
    lines = whole.split("\n")
    n_given = opening.count("\n")  # the completion begins in the line of this number
    head = _find_header(lines[: n_given + 1], entry_point)
    begins_anew = opening.endswith("\n") and head == n_given
    if head is None or begins_anew:
        return find_function(text, problem, reader, config)
    ends = [number for number in margins(lines) if number > head and number >= n_given]
    ends.append(len(lines))
    if not _has_code("\n".join(lines[: ends[0]])[len(opening) :]):
        found = find_function(text, problem, reader, config)  # it begins anew, or says nothing
        if found.extraction is Extraction.NO_CODE and re.search(r"^[ \t]+[^\s#]", text, re.MULTILINE):
            return Found(Extraction.SYNTAX_ERROR, "continuation", reader.finish(whole))
        return found
    for end in ends[:MAX_ENDS]:
        code = "\n".join(lines[:end])
        if reader.compiles(code):
            extraction, code = _with_later(code, "\n".join(lines[end:]), reader)
            return Found(extraction, "continuation", code, spans=_behind(opening, code, text))
    first = "\n".join(lines[: ends[0]])
    unfenced = first.split("```")[0]
    if unfenced != first and len(unfenced) > len(opening) and reader.compiles(unfenced):
        code = reader.finish(unfenced)
        return Found(Extraction.OK, "continuation", code, spans=_behind(opening, code, text))
    return Found(Extraction.SYNTAX_ERROR, "continuation", reader.finish(first))


def continue_program(text: str, opening: str, reader: Reader) -> Found:
    """Return the program that continues an opening, up to the last line with which it parses."""
    rest = text.split("\n```")[0]
    whole = opening + rest
    if reader.language is not None:
        return _continue_foreign_program(rest, opening, reader)
    lines = whole.split("\n")
    ends = [len(lines), *reversed([number for number in margins(lines) if number])][:MAX_PROGRAM_ENDS]
    for end in ends:
        code = "\n".join(lines[:end])
        if reader.compiles(code):
            found = Extraction.OK if does_anything(code.removeprefix(opening)) else Extraction.NO_CODE
            code = reader.finish(code)
            return Found(found, "continuation", code, spans=_behind(opening, code, text))
    return Found(Extraction.SYNTAX_ERROR, "continuation", reader.finish(whole))


def _continue_foreign_program(text: str, opening: str, reader: Reader) -> Found:
    """Return the program without prose behind it; where prose is in front, without the comments of the opening."""
    if any(line.strip() and not line.startswith(reader.comment) for line in opening.split("\n")):
        found = find_foreign_program(opening + text, reader)
        return replace(found, form="continuation", spans=_behind(opening, found.code, text))
    found = find_foreign_program(text, reader)
    if found.extraction is not Extraction.OK or not text.lstrip("\n").startswith(found.code.rstrip("\n")):
        return found
    code = opening + text[: text.index(found.code.rstrip("\n"))] + found.code
    return replace(found, form="continuation", code=code, spans=_behind(opening, code, text))


def _behind(opening: str, code: str, text: str) -> tuple[Span, ...]:
    """Return how much of a completion a program has that begins with the opening."""
    size = len(code.rstrip()) - len(opening) if code.startswith(opening) else 0
    return (Span(0, min(size, len(text))),) if size > 0 else ()


def _find_header(lines: list[str], entry_point: str) -> int | None:
    """Return the number of the line that begins the entry point; the last one, if there are several."""
    header = re.compile(rf"(?:async\s+)?def\s+{re.escape(entry_point)}\b")
    numbers = [number for number, line in enumerate(lines) if header.match(line)]
    return numbers[-1] if numbers else None


def _has_code(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.split("\n"))


def _with_later(code: str, later: str, reader: Reader) -> tuple[Extraction, str]:
    """Add, of what a model wrote behind the function, the definitions that it lacks and what adds to it."""
    plain = reader.finish(code)
    if not _ANY_BINDING.search(later) and not _ANY_ALTERATION.search(later):
        return Extraction.OK, plain
    base = reader.cut(plain, False).statements
    if not find_missing(base, reader.builtins) and not _ANY_ALTERATION.search(later):
        return Extraction.OK, plain
    rest = reader.cut(later, True)
    borrowed = borrow(base, rest.statements, reader.builtins)
    if not rest.broken.isdisjoint(find_missing([*base, *borrowed], reader.builtins)):
        return Extraction.SYNTAX_ERROR, plain
    if not borrowed:
        return Extraction.OK, plain
    both = reader.finish(f"{plain}\n\n{join(borrowed)}")
    return (Extraction.OK, both) if reader.compiles(both) else (Extraction.OK, plain)


def _continue_foreign(
    text: str, opening: str, problem: Problem, reader: Reader, language: Language, config: ExtractionConfig
) -> Found:
    """Cut behind the function that the opening began: where its braces close, the tree has its end."""
    whole = opening + text.split("\n```")[0]
    source = to_source(whole)
    begun = len(to_source(opening))
    root = Parser(language.grammar).parse(source).root_node
    end = _find_end(root, begun, language)
    if end is None:  # never closed, or begun anew
        found = find_function(text, problem, reader, config)
        return found if found.extraction is Extraction.OK else Found(Extraction.OK, "continuation", whole + "\n")
    function = source[:end].decode()
    rest = reader.cut(source[end:].decode("utf-8", "replace"), True)
    base = reader.cut(function, False).statements
    borrowed = borrow(base, rest.statements, reader.builtins)
    code = reader.finish(f"{function}\n\n{join(borrowed)}") if borrowed else function.rstrip("\n") + "\n"
    return Found(Extraction.OK, "continuation", code, spans=_behind(opening, function, text))


def _find_end(root: Node, begun: int, language: Language) -> int | None:
    """Return where the top-level statement ends that holds the place where the completion begins."""
    for node in root.children:
        if node.start_byte < begun <= node.end_byte and node.end_byte > begun and not node.is_error:
            holds = node.type in language.functions or node.type in language.types | language.wrappers
            if holds or not node.has_error:
                return node.end_byte
    return None
