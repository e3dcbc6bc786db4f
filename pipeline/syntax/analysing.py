"""Analyses programs: one parse, one walk, and all that is read off it."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

from pairsmith.pipeline.languages.table import find_grammar
from pairsmith.pipeline.syntax.duplicates import Shingles, make_shingles, mark_duplicates
from pairsmith.pipeline.syntax.fingerprints import (
    Fingerprints,
    all_fingerprints,
    local_names,
    shingle_tokens,
    unparsed_fingerprint,
)
from pairsmith.pipeline.syntax.parsing import ParseStatus, parse_facts, to_source
from pairsmith.pipeline.syntax.tags import Measures, find_tags, measure, one_letter_share
from pairsmith.schemas.candidate import Program, Syntax
from pairsmith.schemas.config import SyntaxConfig


class Analysis(NamedTuple):
    """What is known of a text, whatever its source."""

    status: ParseStatus
    fingerprints: Fingerprints  # all but the exact one are empty unless it parses
    tags: tuple[str, ...]
    measures: Measures
    one_letter_share: float
    tokens: tuple[bytes, ...] | None  # what shingles are made of; None unless it parses

    def shingles(self) -> Shingles | None:
        """Return the program's shingles; None unless it parses."""
        return None if self.tokens is None else make_shingles(self.tokens)


@functools.lru_cache(maxsize=1024)  # candidates of a problem repeat each other
def analyse(code: str, language: str = "python") -> Analysis:
    """Return what is known of a text; equal texts are analysed once.

    Raises:
        LanguageError: for a language that the table doesn't have.
    """
    row, source = find_grammar(language), to_source(code)
    status, facts = parse_facts(source, language)
    measures = measure(code, facts, row)
    if facts is None:
        return Analysis(status, (unparsed_fingerprint(source), "", ""), (), measures, 0.0, None)
    locals_ = local_names(facts, row)
    found = Analysis(
        status,
        all_fingerprints(facts, source, row, locals_),
        find_tags(facts, row, measures),
        measures,
        one_letter_share(facts),
        tuple(shingle_tokens(facts, locals_)),
    )
    facts.release()
    return found


def analyse_problem(programs: Sequence[Program], config: SyntaxConfig, language: str = "python") -> list[Syntax]:
    """Return the syntax of all programs of one problem, in the order given, duplicates marked.

    Raises:
        LanguageError: for a language that the table doesn't have.
    """
    found = [analyse(program.code, language) for program in programs]
    rows = [_make_row(program, analysis) for program, analysis in zip(programs, found, strict=True)]
    return mark_duplicates(rows, [analysis.shingles() for analysis in found], config.near_threshold)


def _make_row(program: Program, analysis: Analysis) -> Syntax:
    """Return the row of a program that is no duplicate yet."""
    exact, plain, renamed = analysis.fingerprints
    return Syntax(
        candidate_id=program.candidate_id,
        problem_id=program.problem_id,
        parsed=analysis.status is ParseStatus.PARSED,
        parse_status=str(analysis.status),
        exact=exact,
        plain=plain,
        renamed=renamed,
        duplicate_of="",
        duplicate_rule="",
        cluster=program.candidate_id,
        tags=analysis.tags,
        one_letter_share=analysis.one_letter_share,
        **analysis.measures._asdict(),
    )
