"""Measures of a program, for the columns of `schemas.syntax.Syntax`."""

from dataclasses import dataclass

from pipeline.syntax.facts import CLOSE, END, OPEN, Facts

DECISIONS = (
    "if_statement",
    "elif_clause",
    "for_statement",
    "while_statement",
    "except_clause",
    "case_clause",
    "conditional_expression",
    "boolean_operator",
    "for_in_clause",
    "if_clause",
)
"""Nodes that decide. Each `and` or `or` counts, as McCabe counts the predicates of a compound condition; so do
the `for` and `if` of a comprehension, as radon does. `else`, `case _`, `finally`, `with` and `assert` do
not."""


@dataclass(frozen=True, slots=True)
class Measures:
    """See `schemas.syntax.Syntax` for what they mean."""

    n_tokens: int
    n_lines: int
    max_line_length: int
    n_functions: int
    nesting_depth: int
    cyclomatic: int
    comment_share: float


def measure(code: str, facts: Facts | None) -> Measures:
    """Return the measures of a program.

    Args:
        code: the program.
        facts: what the walk found; None for one that doesn't parse: then its tokens are the words between
            white space, comments are the lines that begin with `#`, and what needs a tree is 0.
    """
    lines = code.split("\n")
    filled = sum(not line.isspace() and line != "" for line in lines)
    longest = max(map(len, lines))
    if facts is None:
        comments = sum(line.lstrip().startswith("#") for line in lines)
        return Measures(len(code.split()), filled - comments, longest, 0, 0, 0, comments / max(filled, 1))
    structure = sum(map(facts.tokens.count, (OPEN, CLOSE, END)))
    return Measures(
        n_tokens=len(facts.tokens) - structure - facts.n_pieces,
        n_lines=filled - facts.comment_lines - facts.docstring_lines,
        max_line_length=longest,
        n_functions=len(facts.functions),
        nesting_depth=facts.nesting_depth,
        cyclomatic=1 + sum(facts.n_kinds.get(kind, 0) for kind in DECISIONS) - facts.n_default_cases,
        comment_share=facts.comment_lines / max(filled, 1),
    )
