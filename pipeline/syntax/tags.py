"""Style tags: a closed list with one meaning each. The table also makes the documentation, `docs/tags.md`."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence, Set
from typing import NamedTuple

from pairsmith.pipeline.languages.grammar import Grammar, ScopeKind
from pairsmith.pipeline.syntax.facts import MARK, Facts


class Measures(NamedTuple):
    """Fields of `schemas.candidate.Syntax`, which documents them."""

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
        facts: what the walk found; None if it doesn't parse: then tokens are the words between white space,
            comments are the lines that begin with the language's mark, and what needs a tree is 0.
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


MAX_LINE_LENGTH = 79  # PEP 8, "Maximum Line Length"
DEEP_NESTING = 4  # the Linux kernel's coding style: "if you need more than 3 levels ... fix your program"
COMPLEX_CYCLOMATIC = 10  # McCabe 1976: "the particular upper bound that has been used ... is 10"
COMPLEX_COGNITIVE = 15  # default of SonarSource's rule S3776
LONG_FUNCTION = 50  # default of pylint's max-statements
MANY_COMMENTS = 0.3

TAGS: dict[str, str] = {
    "assert": "has an assert statement",
    "bare_except": "catches every exception without naming one",
    "class": "defines a class or another type with members",
    "comment": "has a comment",
    "complex_cognitive": f"has a cognitive complexity over {COMPLEX_COGNITIVE} (SonarSource's default limit)",
    "complex_cyclomatic": f"has a cyclomatic complexity over {COMPLEX_CYCLOMATIC} (McCabe's limit)",
    "comprehension": "has a list, set or dict comprehension",
    "conditional_expression": "has an `a if b else c` or an `a ? b : c`",
    "dead_code": "has a statement right behind a return, raise, break or continue of the same block",
    "decorator": "has a decorator or an annotation",
    "deep_nesting": f"nests compound statements {DEEP_NESTING} deep or deeper",
    "docstring": "some function has documentation: a docstring, or a comment that begins as such",
    "early_return": "some function has a return that is not the last statement of its body",
    "for_loop": "has a for statement",
    "functional": "calls map, filter or reduce, by whatever name the language has",
    "generator": "has a generator expression or a yield",
    "global_state": "has a global statement in a function (Python)",
    "goto": "has a goto",
    "helper_function": "has two or more functions at the top level",
    "import_stdlib": "imports a module of the standard library",
    "import_third_party": "imports a module that is not of the standard library",
    "input_in_function": "reads standard input in a function",
    "lambda": "has a lambda, a closure or an arrow function",
    "long_function": f"some function has more than {LONG_FUNCTION} lines",
    "long_line": f"has a line of more than {MAX_LINE_LENGTH} characters",
    "main": "has a main function, or a block that runs only as the main program",
    "many_comments": f"more than {MANY_COMMENTS:.0%} of the lines that are not blank are comments",
    "match": "has a match or a switch",
    "mutable_default": "a parameter's default is a list, dict or set",
    "names_camel_case": "some function, parameter or variable has a camelCase name",
    "names_one_letter": "half or more of the names of parameters and variables are one letter long",
    "names_shadow_builtin": "some function, parameter or variable hides a built-in name",
    "names_snake_case": "some function, parameter or variable has a snake_case name",
    "nested_function": "a function is defined in a function",
    "nested_loops": "a loop inside another one of the same function",
    "one_statement": "some function's body is one statement, the docstring aside",
    "percent_format": "formats a string by % or by a printf-like function",
    "print_in_function": "writes to standard output in a function",
    "raise": "raises or throws an exception, or panics",
    "recursion": "a function calls itself by name",
    "star_import": "imports everything of a module",
    "str_format": "calls a method or macro that formats a string",
    "string_interpolation": "has a string with an expression inside",
    "try": "has a try statement",
    "type_hints_full": "every parameter and every return value of every function has a type hint",
    "type_hints_none": "no parameter and no return value has a type hint",
    "type_hints_part": "some parameters or return values have a type hint, not all",
    "unused_import": "imports a name that it never reads",
    "uses_dict": "uses a map or dictionary",
    "uses_set": "uses a set",
    "uses_slice": "has a slice",
    "uses_sorting": "sorts",
    "walrus": "has a `:=` inside of an expression",
    "while_loop": "has a while, do or endless loop",
}
"""Every tag that a program can have, and what it means."""

_CAMEL = re.compile(rb"_*[a-z]+[a-z0-9]*[A-Z]\w*")
_SNAKE = re.compile(rb"_*[a-z0-9]+_[a-z0-9_]*[a-z0-9]")


def find_tags(facts: Facts, row: Grammar, measures: Measures) -> tuple[str, ...]:
    """Return the tags of a program, sorted."""
    found = set(facts.seen & TAGS.keys())
    for tag, words in row.tag_calls.items():
        if not words.isdisjoint(facts.called):
            found.add(tag)
    for tag, words in row.tag_methods.items():
        if not words.isdisjoint(facts.methods):
            found.add(tag)
    if row.tag_words:
        stream = set(facts.stream)
        found.update(tag for tag, words in row.tag_words.items() if not words.isdisjoint(stream))
    if not facts.functions:
        found -= _IN_FUNCTION
    else:
        _add_function_tags(found, facts, row)
    _add_name_tags(found, facts, row)
    if facts.imports:
        _add_import_tags(found, facts)
    if facts.loop_depth >= 2:
        found.add("nested_loops")
    for tag, holds in _BY_MEASURE.items():
        if holds(measures):
            found.add(tag)
    return tuple(sorted(found))


_IN_FUNCTION = frozenset({"print_in_function", "input_in_function"})
_BY_MEASURE: dict[str, Callable[[Measures], bool]] = {
    "deep_nesting": lambda measures: measures.nesting_depth >= DEEP_NESTING,
    "long_line": lambda measures: measures.max_line_length > MAX_LINE_LENGTH,
    "long_function": lambda measures: measures.max_function_lines > LONG_FUNCTION,
    "complex_cyclomatic": lambda measures: measures.cyclomatic > COMPLEX_CYCLOMATIC,
    "complex_cognitive": lambda measures: measures.cognitive > COMPLEX_COGNITIVE,
    "many_comments": lambda measures: measures.comment_share > MANY_COMMENTS,
}


def _add_function_tags(found: set[str], facts: Facts, row: Grammar) -> None:
    n_top = hinted = total = 0
    names = set()
    for function in facts.functions:
        if function.documented:
            found.add("docstring")
        if function.n_returns > function.ends_in_return:
            found.add("early_return")
        if function.mutable_default:
            found.add("mutable_default")
        if function.parent is not None:
            found.add("nested_function")
        if function.single:
            found.add("one_statement")
        hinted += function.n_hinted + function.returns_hinted
        total += function.n_parameters + 1
        names.add(function.name)
    n_top = len(names & facts.scopes[0].bound.keys())
    if not names.isdisjoint(row.mains):
        found.add("main")
    if n_top >= 2:
        found.add("helper_function")
    if row.hint_tags:
        found.add("type_hints_none" if not hinted else "type_hints_full" if hinted == total else "type_hints_part")


def _add_name_tags(found: set[str], facts: Facts, row: Grammar) -> None:
    names = own_names(facts)
    for name in names:
        if b"_" in name:
            if _SNAKE.fullmatch(name):
                found.add("names_snake_case")
        elif not name.islower() and _CAMEL.fullmatch(name):
            found.add("names_camel_case")
    if not names.isdisjoint(row.builtins):
        found.add("names_shadow_builtin")
    if one_letter_share(facts) >= 0.5:
        found.add("names_one_letter")


def own_names(facts: Facts) -> set[bytes]:
    """Return the names of a program's functions, parameters and variables, but of attributes, imports, classes."""
    names: set[bytes] = set()
    for scope in facts.scopes:
        if scope.kind is not ScopeKind.CLASS and scope.bound:
            own: Set[bytes] = scope.bound.keys()
            if scope.kept or scope.globals_ or scope.nonlocals:
                own = own - scope.kept - scope.globals_ - scope.nonlocals
            names |= own
    return names


def one_letter_share(facts: Facts) -> float:
    """Return the share of the names of parameters and variables that are one letter long, in [0, 1]."""
    names = own_names(facts).difference([function.name for function in facts.functions])
    return sum([len(name) == 1 for name in names]) / len(names) if names else 0.0


def _add_import_tags(found: set[str], facts: Facts) -> None:
    stream = facts.stream
    for imported in facts.imports:
        found.add("import_stdlib" if imported.standard else "import_third_party")
        if imported.star:
            found.add("star_import")
        elif (
            imported.bound
            and imported.module != b"__future__"
            and stream.count(imported.bound) <= facts.import_tokens[imported.bound]
        ):
            found.add("unused_import")


def describe_tags() -> str:
    """Return the documentation of the tags, in Markdown."""
    rows = "".join(f"| `{tag}` | {meaning} |\n" for tag, meaning in TAGS.items())
    head = "# Style tags\n\nOne list for all languages. `pipeline/syntax/tags.py` makes this page.\n\n"
    return f"{head}| tag | a program that |\n| --- | --- |\n{rows}"
