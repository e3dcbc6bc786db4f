"""What tree-sitter sees in a program: fingerprints, style tags, measures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Syntax:
    """Syntax of one program.

    Attributes:
        parsed: whether the program parses without an error. Others have only an exact fingerprint.
        exact: 32 hex digits over the token stream, comments and white space left out.
        renamed: the same with local names replaced by their order of binding; empty unless parsed.
        duplicate_of: candidate_id of the representative this one repeats; empty for none.
        duplicate_rule: exact or renamed; empty for none. Near ones are no duplicates: they share a cluster.
        cluster: candidate_id of the representative of its near-duplicate cluster (itself where it is alone).
        tags: style tags, sorted; the closed list is `pipeline.syntax.tags.TAGS`.
        n_tokens: tokens without comments.
        n_lines: lines that hold code.
        max_line_length: characters of the longest line.
        n_functions: function definitions, nested ones and lambdas' excluded.
        nesting_depth: deepest nesting of compound statements in a function; 0 for none.
        cyclomatic: cyclomatic complexity of the whole program, McCabe 1976: decisions + 1.
        comment_share: comment lines over all lines that are not blank, in [0, 1].
    """

    candidate_id: str
    problem_id: str
    parsed: bool
    exact: str
    renamed: str
    duplicate_of: str
    duplicate_rule: str
    cluster: str
    tags: tuple[str, ...]
    n_tokens: int
    n_lines: int
    max_line_length: int
    n_functions: int
    nesting_depth: int
    cyclomatic: int
    comment_share: float
