"""Analyses one program: one parse, one walk, and all that is read off it."""

import functools
from typing import NamedTuple

from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.languages.table import find_grammar
from pairsmith.pipeline.syntax.facts import Facts
from pairsmith.pipeline.syntax.fingerprints import (
    SORTED,
    Order,
    all_fingerprints,
    local_names,
    shingle_tokens,
    unparsed_fingerprint,
)
from pairsmith.pipeline.syntax.measures import Measures, measure
from pairsmith.pipeline.syntax.near import Shingles, make_shingles
from pairsmith.pipeline.syntax.parsing import ParseStatus, parse_facts, to_source
from pairsmith.pipeline.syntax.tags import find_tags, one_letter_share


class Analysis(NamedTuple):
    """What is known of a text, whoever wrote it.

    Attributes:
        fingerprints: exact, plain, renamed, bare, shape; all but the first are empty unless it parses.
        tokens: what shingles are made of; None unless it parses.
    """

    status: ParseStatus
    fingerprints: tuple[str, str, str, str, str]
    tags: tuple[str, ...]
    measures: Measures
    one_letter_share: float
    tokens: tuple[bytes, ...] | None

    def shingles(self) -> Shingles | None:
        """Return the program's shingles; None unless it parses."""
        return None if self.tokens is None else make_shingles(self.tokens)


CACHE = 1024  # distinct texts that are remembered: candidates of a problem repeat each other


@functools.lru_cache(maxsize=CACHE)
def analyse(code: str, language: str = "python", free: frozenset[Order] = SORTED) -> Analysis:
    """Return what is known of a text; equal texts are analysed once.

    Args:
        code: the text.
        language: name in the table.
        free: what is sorted before the order-free fingerprints are taken.

    Raises:
        LanguageError: for a language that the table doesn't have.
    """
    row, source = find_grammar(language), to_source(code)
    status, facts = parse_facts(source, language)
    measures = measure(code, facts, row)
    if facts is None:
        return Analysis(status, (unparsed_fingerprint(source), "", "", "", ""), (), measures, 0.0, None)
    return _describe(facts, source, row, measures, free)


def _describe(facts: Facts, source: bytes, row: Grammar, measures: Measures, free: frozenset[Order]) -> Analysis:
    locals_ = local_names(facts, row)
    fingerprints = all_fingerprints(facts, source, row, free, locals_)
    tokens = tuple(shingle_tokens(facts, locals_))
    tags = find_tags(facts, row, measures)
    share = one_letter_share(facts)
    facts.release()
    return Analysis(ParseStatus.PARSED, fingerprints, tags, measures, share, tokens)
