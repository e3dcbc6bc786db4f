"""Measures of a program, for the columns of `schemas.syntax.Syntax`."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.syntax.facts import MARK, Facts


@dataclass(frozen=True, slots=True)
class Measures:
    """See `schemas.syntax.Syntax` for what they mean; `volume` and `entropy` are in bits.

    Attributes:
        volume: Halstead's volume, N log2 n, of n different tokens, N in all; entropy: of the tokens, in bits.
        documented_share: share of the functions that have documentation, in [0, 1]; 1.0 without any.
    """

    n_tokens: int = 0
    n_lines: int = 0
    max_line_length: int = 0
    n_functions: int = 0
    max_function_lines: int = 0
    nesting_depth: int = 0
    loop_depth: int = 0
    cyclomatic: int = 0
    cognitive: int = 0
    comment_share: float = 0.0
    volume: float = 0.0
    entropy: float = 0.0
    documented_share: float = 1.0


def measure(code: str, facts: Facts | None, row: Grammar) -> Measures:
    """Return the measures of a program.

    Args:
        code: its text.
        facts: what the walk found; None if it doesn't parse: then tokens are the words between white space,
            comments are the lines that begin with the language's mark, and what needs a tree is 0.
        row: its language.
    """
    lines = code.split("\n")
    filled = sum([not line.isspace() and line != "" for line in lines])
    longest = max(map(len, lines))
    if facts is None:
        mark = row.comment_marks[0].decode()
        comments = sum(line.lstrip().startswith(mark) for line in lines)
        share = comments / max(filled, 1)
        return Measures(len(code.split()), filled - comments, longest, comment_share=share)
    counts = [n for token, n in Counter(facts.stream).items() if token[:1] != MARK]
    n_tokens = sum(counts)
    bits, entropy = _entropy(counts, n_tokens)
    functions = facts.functions
    return Measures(
        n_tokens=n_tokens,
        n_lines=filled - facts.comment_lines - facts.docstring_lines,
        max_line_length=longest,
        n_functions=len(functions),
        max_function_lines=max([function.n_lines for function in functions], default=0),
        nesting_depth=facts.nesting_depth,
        loop_depth=facts.loop_depth,
        cyclomatic=1 + facts.n_decisions,
        cognitive=facts.cognitive,
        comment_share=facts.comment_lines / max(filled, 1),
        volume=bits,
        entropy=entropy,
        documented_share=sum([function.documented for function in functions]) / len(functions)
        if functions
        else 1.0,
    )


_LOGS = [0.0, *(n * math.log2(n) for n in range(1, 4096))]


def _entropy(counts: Sequence[int], n: int) -> tuple[float, float]:
    """Return Halstead's volume and the entropy of tokens, both in bits.

    Sources: Halstead 1977, "Elements of Software Science"; Shannon 1948.
    """
    if not n:
        return 0.0, 0.0
    within = sum([_LOGS[count] if count < 4096 else count * math.log2(count) for count in counts])
    return n * math.log2(len(counts)), math.log2(n) - within / n
