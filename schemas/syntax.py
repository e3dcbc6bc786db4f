"""What tree-sitter sees in a program: fingerprints, duplicates, style tags, measures, quality."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Syntax:
    """Syntax of one program.

    Attributes:
        parsed: whether the program parses without an error. Others have only an exact fingerprint.
        parse_status: parsed, syntax_error, too_long or null_bytes.
        exact: 32 hex digits over the token stream and the shape of the tree, comments and white space left out.
        plain: the same with docstrings left out and free orders sorted; empty unless parsed, as the next ones.
        renamed: that with local names replaced by their order of binding.
        bare: that with type hints left out, where they do nothing when the program runs.
        shape: the shape of the tree: names, numbers and strings made alike.
        duplicate_of: candidate_id of the representative this one repeats; empty for none.
        duplicate_rule: exact, plain or renamed: the least that must be left out to make both equal; else empty.
        cluster: candidate_id of the representative of its near-duplicate cluster (itself where it is alone).
        near: candidate_id of the representative that it is most similar to, of those that are near and no
            duplicates; empty for none. `similarity` is their Jaccard similarity, 0.0 for none.
        contaminated_by: item of a benchmark that has the same program, such as `HumanEval/12`; empty for none.
        tags: style tags, sorted; the closed list is `pipeline.syntax.tags.TAGS`.
        n_tokens: tokens without comments.
        n_lines: lines that hold code.
        max_line_length: characters of the longest line.
        n_functions: function definitions, nested ones included, lambdas excluded.
        max_function_lines: lines of the longest function.
        nesting_depth: deepest nesting of compound statements in a function; 0 for none.
        loop_depth: deepest nesting of loops in a function.
        cyclomatic: cyclomatic complexity of the whole program, McCabe 1976: decisions + 1.
        cognitive: cognitive complexity of the whole program, Campbell 2018.
        comment_share: comment lines over all lines that are not blank, in [0, 1].
        volume: Halstead's volume, bits.
        entropy: of the tokens, bits.
        one_letter_share: share of the names of parameters and variables that are one letter long, in [0, 1].
        documented_share: share of the functions that have documentation, in [0, 1]; 1.0 without any function.
        lint: what the linter found, `rule=count`, sorted; empty where it wasn't asked.
        quality_instruction, quality_explanation, quality_complexity, quality_readability, quality_style: see
            `pipeline.syntax.quality`, in [0, 1]; None where they can't be computed.
        quality: their weighted mean, in [0, 1]; None without any.
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
    parse_status: str = "parsed"
    plain: str = ""
    bare: str = ""
    shape: str = ""
    near: str = ""
    similarity: float = 0.0
    contaminated_by: str = ""
    max_function_lines: int = 0
    loop_depth: int = 0
    cognitive: int = 0
    volume: float = 0.0
    entropy: float = 0.0
    one_letter_share: float = 0.0
    documented_share: float = 0.0
    lint: tuple[str, ...] = ()
    quality_instruction: float | None = None
    quality_explanation: float | None = None
    quality_complexity: float | None = None
    quality_readability: float | None = None
    quality_style: float | None = None
    quality: float | None = None
