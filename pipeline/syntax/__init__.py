"""What tree-sitter sees in programs: fingerprints, duplicates, style tags, measures.

`analyse_problem` is the stage's step. A program is parsed once, and its tree walked once.
"""

from collections.abc import Sequence

from pipeline.syntax.duplicates import mark_duplicates
from pipeline.syntax.facts import Facts
from pipeline.syntax.fingerprints import exact_fingerprint, renamed_fingerprint, unparsed_fingerprint
from pipeline.syntax.languages import SyntaxToolsError
from pipeline.syntax.measures import measure
from pipeline.syntax.near import Shingles, make_shingles
from pipeline.syntax.parsing import parse_facts, to_source
from pipeline.syntax.tags import TAGS, find_tags
from schemas.candidate import Program
from schemas.syntax import Syntax

__all__ = ["TAGS", "SyntaxToolsError", "analyse_problem", "analyse_program", "mark_duplicates"]


def analyse_problem(programs: Sequence[Program], threshold: float, language: str = "python") -> list[Syntax]:
    """Return the syntax of all programs of one problem, in the order given, duplicates marked.

    Args:
        programs: of one problem, whatever came of their extraction.
        threshold: Jaccard similarity from which two programs are near, in (0, 1].

    Raises:
        SyntaxToolsError: for a language that the table doesn't have.
        ValueError: for programs of several problems, or one candidate twice.
    """
    rows: list[Syntax] = []
    shingles: list[Shingles | None] = []
    for program in programs:
        source = to_source(program.code)
        facts = parse_facts(source, language)
        rows.append(_make_row(program, source, facts))
        shingles.append(make_shingles(facts) if facts else None)
    return mark_duplicates(rows, shingles, threshold)


def analyse_program(program: Program, language: str = "python") -> Syntax:
    """Return the syntax of one program, seen alone: no duplicate of any, and a cluster of its own.

    Raises:
        SyntaxToolsError: for a language that the table doesn't have.
    """
    source = to_source(program.code)
    return _make_row(program, source, parse_facts(source, language))


def _make_row(program: Program, source: bytes, facts: Facts | None) -> Syntax:
    measures = measure(program.code, facts)
    return Syntax(
        candidate_id=program.candidate_id,
        problem_id=program.problem_id,
        parsed=facts is not None,
        exact=exact_fingerprint(facts) if facts else unparsed_fingerprint(source),
        renamed=renamed_fingerprint(facts, source) if facts else "",
        duplicate_of="",
        duplicate_rule="",
        cluster=program.candidate_id,
        tags=find_tags(facts, measures.max_line_length) if facts else (),
        n_tokens=measures.n_tokens,
        n_lines=measures.n_lines,
        max_line_length=measures.max_line_length,
        n_functions=measures.n_functions,
        nesting_depth=measures.nesting_depth,
        cyclomatic=measures.cyclomatic,
        comment_share=measures.comment_share,
    )
