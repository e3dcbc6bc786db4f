"""Finds, in what a model wrote, the program that the tests call.

Nothing is repaired and nothing is run: a label must judge what the model wrote. What is left out could not
change what the entry point does: prose, demonstrations, tests, unneeded functions and imports.
"""

import re
from collections.abc import Sequence

from pipeline.extraction.compiling import compiles
from pipeline.extraction.fences import find_blocks, outside_blocks, starts_with_fence
from pipeline.extraction.needs import borrow, find_missing, select_needed
from pipeline.extraction.statements import Pieces, Statement, cut_pieces, margins
from schemas.candidate import Candidate, Extraction, Program
from schemas.problem import Problem

MAX_CHARACTERS = 1 << 20  # a longer completion is no answer: no token limit of ours lets a model write it
MAX_BLOCKS = 64  # fenced blocks that are looked at
_ANY_BINDING = re.compile(r"^(?:async\s+def|def|class|import|from)\b|^@|^\w+\s*(?::[^=\n]*)?=", re.MULTILINE)

_Found = tuple[Extraction, str]


def extract_program(candidate: Candidate, problem: Problem) -> Program:
    """Return the program in a candidate's completion.

    A completion with the template `continuation` is the rest of the function that the candidate's prompt (else
    `problem.continuation`) begins: the program is both, cut behind that function, with the later definitions
    that it needs. All other completions are read as an answer in Markdown: the first fenced block that defines
    the entry point, with what it needs from the other blocks and from the code of the prompt; else bare code
    between prose.

    Where the entry point is defined several times in one block, all definitions stay: the last one wins, as
    in Python. A method is no entry point. Never raises, whatever the text; equal inputs give equal programs.
    """
    text = _clean(candidate.completion)
    form, (extraction, code) = "none", (Extraction.NO_CODE, "")
    if text.strip() and len(text) <= MAX_CHARACTERS:
        opening = candidate.prompt or problem.continuation
        if candidate.template == "continuation" and opening:
            form, (extraction, code) = _extract_continuation(text, opening, problem)
        else:
            form, (extraction, code) = _extract_answer(text, problem)
    if extraction is Extraction.NO_CODE or not code:  # a block of comments is no code either
        form, extraction, code = "none", Extraction.NO_CODE, ""
    return Program(candidate.candidate_id, candidate.problem_id, extraction, form, code)


def _clean(text: str) -> str:
    """Return the text with the line ends that Python reads, and no character that UTF-8 can't hold."""
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _extract_answer(text: str, problem: Problem) -> tuple[str, _Found]:
    """Look into the fenced blocks; where they don't do, at all of the text without its fences."""
    given = _given_statements(problem)
    blocks = find_blocks(text)[:MAX_BLOCKS]
    if not blocks:
        return "bare", _extract_bare(text, given, problem.entry_point)
    fenced = _extract_blocks([_dedent(block) for block in blocks], given, problem.entry_point)
    if fenced[0] is not Extraction.OK:
        bare = _extract_bare(outside_blocks(text), given, problem.entry_point)
        if bare[0] is Extraction.OK:
            return "bare", bare
    if fenced[0] is Extraction.NO_CODE:  # a fence says that this is code, whatever is in it
        return "fenced", (Extraction.SYNTAX_ERROR, _finish("\n".join(blocks)))
    return "fenced", fenced


def _given_statements(problem: Problem) -> list[Statement]:
    """Return the imports and helpers that the prompt showed: an answer may count on them."""
    given = problem.continuation
    if not given:
        return []
    return [statement for statement in cut_pieces(given).statements if problem.entry_point not in statement.binds]


def _extract_bare(text: str, given: list[Statement], entry_point: str) -> _Found:
    found = _extract_blocks([text], given, entry_point)
    if found[0] in (Extraction.NO_CODE, Extraction.NO_ENTRY_POINT):
        indented = _indented_code(text, entry_point)
        if indented:
            again = _extract_blocks([indented], given, entry_point)
            return again if again[0] is Extraction.OK else found
    return found


def _extract_blocks(blocks: list[str], given: list[Statement], entry_point: str) -> _Found:
    pieces = [cut_pieces(block) for block in blocks]
    place = _choose(pieces, entry_point)
    if place is None:
        return _explain_absence(blocks, pieces, entry_point)
    chosen = pieces[place]
    base = select_needed(chosen.statements, entry_point)
    before = [other for piece in pieces[:place] for other in piece.statements]
    after = [other for piece in pieces[place + 1 :] for other in piece.statements]
    borrowed = borrow(base, [*given, *before, *after])
    ahead = {id(other) for other in (*given, *before)}
    lead = [other for other in borrowed if id(other) in ahead]
    rest = [other for other in borrowed if id(other) not in ahead]
    program = [*lead, *base, *rest]
    broken = {name for piece in pieces for name in piece.broken}
    if not broken.isdisjoint(find_missing(program)):
        return Extraction.SYNTAX_ERROR, _finish(blocks[place])
    if chosen.whole and len(program) == len(chosen.statements) == len(base):
        code = _finish(blocks[place])
    else:
        code = _finish("\n\n".join(_join(part) + "\n" for part in (lead, base, rest) if part))
    return (Extraction.OK if compiles(code) else Extraction.SYNTAX_ERROR), code


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


def _explain_absence(blocks: list[str], pieces: list[Pieces], entry_point: str) -> _Found:
    broken = {name for piece in pieces for name in piece.broken}
    whole = "\n\n".join(block.strip("\n") for block in blocks)
    if entry_point in broken:
        return Extraction.SYNTAX_ERROR, _finish(whole)
    found = [statement for piece in pieces for statement in piece.statements]
    code = [statement for statement in found if statement.kind != "demo" or "(" in statement.text]
    if code:
        return Extraction.NO_ENTRY_POINT, _finish(_join(code))
    return (Extraction.SYNTAX_ERROR, _finish(whole)) if broken else (Extraction.NO_CODE, "")


def _extract_continuation(text: str, opening: str, problem: Problem) -> tuple[str, _Found]:
    entry_point, given = problem.entry_point, _clean(opening)
    whole = given + text
    lines = whole.split("\n")
    n_given = given.count("\n")  # the completion begins in the line of this number
    head = _find_header(lines[: n_given + 1], entry_point)
    begins_anew = given.endswith("\n") and head == n_given
    if head is None or begins_anew or starts_with_fence(text):
        return _extract_answer(text, problem)
    ends = [number for number in margins(lines) if number > head and number >= n_given]
    ends.append(len(lines))
    if not _has_code("\n".join(lines[: ends[0]])[len(given) :]):
        form, found = _extract_answer(text, problem)  # it begins anew, or says nothing
        if found[0] is Extraction.NO_CODE and re.search(r"^[ \t]+[^\s#]", text, re.MULTILINE):
            return "continuation", (Extraction.SYNTAX_ERROR, _finish(whole))
        return form, found
    for end in ends[:8]:
        code = "\n".join(lines[:end])
        if compiles(code):
            return "continuation", _with_later(code, "\n".join(lines[end:]), entry_point)
    first = "\n".join(lines[: ends[0]])
    unfenced = first.split("```")[0]
    if unfenced != first and len(unfenced) > len(given) and compiles(unfenced):
        return "continuation", (Extraction.OK, _finish(unfenced))
    return "continuation", (Extraction.SYNTAX_ERROR, _finish(first))


def _find_header(lines: list[str], entry_point: str) -> int | None:
    """Return the number of the line that begins the entry point; the last one, if there are several."""
    header = re.compile(rf"(?:async\s+)?def\s+{re.escape(entry_point)}\b")
    numbers = [number for number, line in enumerate(lines) if header.match(line)]
    return numbers[-1] if numbers else None


def _has_code(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.split("\n"))


def _with_later(code: str, later: str, entry_point: str) -> _Found:
    """Add, of what a model wrote behind the function, the definitions that the function lacks."""
    plain = _finish(code)
    if not _ANY_BINDING.search(later):
        return Extraction.OK, plain
    base = cut_pieces(plain).statements
    missing = find_missing(base)
    if not missing:
        return Extraction.OK, plain
    rest = cut_pieces(later)
    borrowed = borrow(base, rest.statements)
    if not rest.broken.isdisjoint(find_missing([*base, *borrowed])):
        return Extraction.SYNTAX_ERROR, plain
    if not borrowed:
        return Extraction.OK, plain
    both = _finish(f"{plain}\n\n{_join(borrowed)}")
    return (Extraction.OK, both) if compiles(both) else (Extraction.OK, plain)


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


def _join(statements: Sequence[Statement]) -> str:
    texts = (statement.text for statement in statements)
    return "".join(text if text.endswith("\n") else text + "\n" for text in texts).strip("\n")


def _finish(code: str) -> str:
    """Return code without blank lines at its ends and without comments at the margin behind it."""
    lines = code.split("\n")
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    return "\n".join(lines) + "\n" if lines else ""
