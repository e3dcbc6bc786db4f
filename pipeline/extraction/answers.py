"""Reads an answer in Markdown: fenced blocks first, else bare code between prose."""

import re

from pairsmith.pipeline.extraction.bare import find_bare, find_bare_program
from pairsmith.pipeline.extraction.blocks import READS_INPUT, Blocks, Found
from pairsmith.pipeline.extraction.readers import Reader, as_written, join
from pairsmith.pipeline.extraction.statements import Statement
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.config.extraction import ExtractionConfig
from pairsmith.schemas.problem import Problem


def find_function(text: str, problem: Problem, reader: Reader, config: ExtractionConfig) -> Found:
    """Return the program that defines the problem's entry point.

    A text that is a program as it stands is one, whatever lines in it look like fences. Else the blocks that
    define the entry point are, each whole; else code between prose.
    """
    name, given = problem.entry_point, given_statements(problem, reader)
    if "```" not in text and "~~~" not in text:
        return _accept_method(find_bare(text, name, given, reader), text, name, config)
    if reader.is_bare_program(text):
        return find_bare(text, name, given, reader)
    blocks = Blocks(text, name, given, reader)
    found = blocks.find_function(config.blocks, config.accept_method)
    if found is not None and found.extraction is Extraction.OK:
        return found
    bare = find_bare(text, name, given, reader)
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
        text: the answer.
        reader: of the problem's language.
        config: which of several different blocks counts.
        wanted: found in the block that is meant: by default, that it reads the input.
    """
    if ("```" in text or "~~~" in text) and not reader.is_bare_program(text):
        found = Blocks(text, "", (), reader).find_program(config.blocks, wanted.search)
        if found is not None:
            return found
    return find_bare_program(text, reader, wanted)


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


def _accept_method(found: Found, text: str, name: str, config: ExtractionConfig) -> Found:
    """Return a bare class whose method is asked for as the program, where that is accepted."""
    if found.extraction is not Extraction.NO_ENTRY_POINT or not found.method_of or not config.accept_method:
        return found
    return Found(Extraction.OK, "bare", as_written(text), spans=found.spans, method_of=found.method_of)


def _explain_absence(blocks: Blocks, reader: Reader) -> Found:
    broken = {name for choice in blocks.choices for name in choice.pieces.broken}
    whole = "\n\n".join(choice.block.code.strip("\n") for choice in blocks.choices)
    rows = [one for choice in blocks.choices for one in choice.statements]
    code = [one for one in rows if one.kind != "demo" or "(" in one.text]
    if code:
        return Found(Extraction.NO_ENTRY_POINT, "fenced", reader.finish(join(code)))
    if broken or rows or whole.strip():
        return Found(Extraction.SYNTAX_ERROR, "fenced", as_written(whole))
    return Found(Extraction.NO_CODE, "none", "")
