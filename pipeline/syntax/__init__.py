"""What tree-sitter sees in programs: fingerprints, duplicates, style tags, measures, quality.

`analyse_problem` is the stage's step. A program is parsed once, and its tree walked once.
"""

from collections.abc import Sequence

from pairsmith.pipeline.languages.contract import LanguageError
from pairsmith.pipeline.syntax.analysing import Analysis, analyse
from pairsmith.pipeline.syntax.duplicates import mark_duplicates
from pairsmith.pipeline.syntax.near import Shingles
from pairsmith.pipeline.syntax.parsing import ParseStatus
from pairsmith.pipeline.syntax.tags import TAGS
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import SyntaxConfig
from pairsmith.schemas.syntax import Syntax

__all__ = ["TAGS", "LanguageError", "ParseStatus", "analyse_problem", "analyse_program", "mark_duplicates"]

ORDER_FREE = frozenset({"imports", "keywords"})
"""Orders that say nothing: imports of the standard library, keywords."""


def analyse_problem(programs: Sequence[Program], config: SyntaxConfig, language: str = "python") -> list[Syntax]:
    """Return the syntax of all programs of one problem, in the order given, duplicates marked.

    Args:
        programs: of one problem, whatever came of their extraction.
        config: from which similarity two programs are near.
        language: name in the table.

    Raises:
        LanguageError: for a language that the table doesn't have.
        ValueError: for programs of several problems, or one candidate twice.
    """
    rows: list[Syntax] = []
    shingles: list[Shingles | None] = []
    for program in programs:
        analysis = analyse(program.code, language, ORDER_FREE)
        rows.append(_make_row(program, analysis))
        shingles.append(analysis.shingles())
    return mark_duplicates(rows, shingles, config.near_threshold)


def analyse_program(program: Program, language: str = "python") -> Syntax:
    """Return the syntax of one program, seen alone: no duplicate of any, and a cluster of its own.

    Raises:
        LanguageError: for a language that the table doesn't have.
    """
    return _make_row(program, analyse(program.code, language))


def _make_row(program: Program, analysis: Analysis) -> Syntax:
    measures = analysis.measures
    exact, plain, renamed, bare, shape = analysis.fingerprints
    return Syntax(
        candidate_id=program.candidate_id,
        problem_id=program.problem_id,
        parsed=analysis.status is ParseStatus.PARSED,
        exact=exact,
        renamed=renamed,
        duplicate_of="",
        duplicate_rule="",
        cluster=program.candidate_id,
        tags=analysis.tags,
        n_tokens=measures.n_tokens,
        n_lines=measures.n_lines,
        max_line_length=measures.max_line_length,
        n_functions=measures.n_functions,
        nesting_depth=measures.nesting_depth,
        cyclomatic=measures.cyclomatic,
        comment_share=measures.comment_share,
        parse_status=str(analysis.status),
        plain=plain,
        bare=bare,
        shape=shape,
        max_function_lines=measures.max_function_lines,
        loop_depth=measures.loop_depth,
        cognitive=measures.cognitive,
        volume=measures.volume,
        entropy=measures.entropy,
        one_letter_share=analysis.one_letter_share,
        documented_share=measures.documented_share,
    )
