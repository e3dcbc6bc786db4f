"""What a language brings: a table of the names in its grammar that the analyses need.

A new language is one file in `pipeline/syntax/languages/` that holds one `Language`; everything else here reads
that table. `pipeline/syntax/languages/__init__.py` has the guide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import tree_sitter


class ScopeKind(Enum):
    """What opened a scope."""

    FILE = "file"
    CLASS = "class"
    FUNCTION = "function"
    LAMBDA = "lambda"
    COMPREHENSION = "comprehension"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Shape:
    """The parts of a definition of a function, by the names of their fields.

    Attributes:
        name: field of its name; a declarator is followed down to the name. Empty for none.
        parameters: fields with its parameters.
        body: field of its body.
        returns: field of its return type; empty where there is none.
        lambda_: whether it is an expression without a name of its own.
        outside: whether defaults and hints of parameters are looked up outside of the function (Python).
    """

    name: str = "name"
    parameters: tuple[str, ...] = ("parameters",)
    body: str = "body"
    returns: str = ""
    lambda_: bool = False
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Binder:
    """How a kind of node binds names.

    Attributes:
        fields: fields that hold a name or a pattern of names; none means all named children.
        scope: `block`: the innermost scope; `function`: the innermost function, class or file; `body`: the part
            of the node in its field `body`.
        since: where the name begins to be seen: in the `whole` scope, from the name on (`here`), or `after`
            the node.
        role: `local`; `parameter`; `kept` where the name can be seen from outside (imports, classes).
        only_with: the node binds only if it has a child of one of these kinds; none means always.
        function_with: with a child of one of these kinds the innermost function is meant (JavaScript's `var`).
        anew: a second one in the same scope is another variable (Rust's `let`).
    """

    fields: tuple[str, ...] = ()
    scope: Literal["block", "function", "body"] = "block"
    since: Literal["whole", "here", "after"] = "whole"
    role: Literal["local", "parameter", "kept"] = "local"
    only_with: tuple[str, ...] = ()
    function_with: tuple[str, ...] = ()
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Language:
    """One row of the table of languages. Kinds are names of node kinds of the grammar.

    Attributes:
        name: such as `python`.
        grammar: the grammar.
        fences: tags that Markdown's fences give this language, its own name included.
        names: kinds of a variable's name.
        comments: kinds that may stand anywhere and mean nothing.
        comment_marks: a text without any of these has no comments.
        atoms: kinds that are one token each, whatever is below.
        strings: kinds of string literals; those without a part of `interpolations` below are one token too.
        interpolations: kinds of an expression inside of a string.
        verbatim: kinds in which white space between the parts counts.
        numbers: kinds of number literals.
        separated: kind to the tokens in it that end or part statements, which the tree says already.
        functions: kind to its parts.
        classes: kinds that hold members.
        scopes: kinds that open a scope of a block.
        comprehensions: kinds that open a scope whose first source is looked up outside.
        binders: kind to what it binds.
        patterns: kind to the fields in which a pattern goes on; none means all named children.
        members: kind to the fields whose names are no variables (attributes, labels); none means all children.
        pins: kinds below which every name keeps its own, wherever it occurs.
        texts: kinds of text that can name variables (macros): its words keep theirs.
        looks: words with which a program can see its own names; then none of them is replaced.
        constants: whether a capital letter at the start of a name in a pattern means a constant (Rust).
        dynamic: whether callees see a caller's locals (Bash).
        imports: kinds of import statements.
        kept_whole: kinds at the top level that a program always keeps (includes, macros, packages).
        types: kinds at the top level that define types or classes.
        entries: kinds of a definition that an entry point can be: functions, and methods where these are how
            programs are written (Java).
        wrappers: kinds at the top level that hold the real statement (`export`, decorators, templates).
    """

    name: str
    grammar: tree_sitter.Language
    fences: tuple[str, ...]
    names: frozenset[str]
    comments: frozenset[str]
    comment_marks: tuple[bytes, ...]
    atoms: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()
    interpolations: frozenset[str] = frozenset()
    verbatim: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    separated: Mapping[str, frozenset[str]] = field(default_factory=dict)
    functions: Mapping[str, Shape] = field(default_factory=dict)
    classes: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    comprehensions: frozenset[str] = frozenset()
    binders: Mapping[str, Binder] = field(default_factory=dict)
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pins: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    looks: frozenset[bytes] = frozenset()
    constants: bool = False
    dynamic: bool = False
    imports: frozenset[str] = frozenset()
    kept_whole: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    entries: frozenset[str] = frozenset()
    wrappers: frozenset[str] = frozenset()
