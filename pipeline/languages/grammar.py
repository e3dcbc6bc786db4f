"""What the analyses need of a language: a table of the names in its grammar."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

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
        function_with: in a node that has a child of one of these kinds, or whose parent has, the innermost
            function is meant (JavaScript's `var`).
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
class Import:
    """One imported thing.

    Attributes:
        module: where it comes from, as written.
        bound: name that it gets in the file; empty for none.
        standard: whether it comes with the language.
        star: whether it brings all names of the module.
    """

    module: bytes
    bound: bytes
    standard: bool
    star: bool = False


def kind_ids(row: "Grammar", names: "Kinds") -> frozenset[int]:
    """Return the ids of named kinds of a language's grammar."""
    grammar = row.grammar
    found = (kind for kind in range(grammar.node_kind_count) if grammar.node_kind_is_named(kind))
    return frozenset(kind for kind in found if grammar.node_kind_for_id(kind) in names)


Kinds: TypeAlias = frozenset[str]
Words: TypeAlias = frozenset[bytes]
NONE: Kinds = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Grammar:
    """The grammar of one language. Kinds are names of node kinds of the grammar.

    Attributes:
        name: such as `python`.
        grammar: the grammar.
        fences: tags that Markdown's fences give this language, its own name included.
        suffixes: endings of its files' names.
        stops: texts that follow a finished function in a plain completion and are never a part of it (such as its
            closing brace). At most four, because OpenAI's API takes no more.
        names: kinds of a variable's name.
        labels: kinds of leaves that name members or labels, never variables.
        comments: kinds that may stand anywhere and mean nothing.
        comment_marks: a text without any of these has no comments.
        doc_marks: how a comment begins that documents what follows; none where documentation is no comment.
        atoms: kinds that are one token each, whatever is below.
        strings: kinds of string literals; those without a part of `interpolations` below are one token too.
        interpolations: kinds of an expression inside of a string.
        verbatim: kinds in which white space between the parts counts.
        numbers: kinds of number literals.
        separated: kind to the tokens in it that end or part statements, which the tree says already.
        functions: kind to its parts.
        classes: kind to the field of its members; an empty field means the node itself.
        scopes: kinds that open a scope of a block.
        until_alternative: those of them whose names end where their field `alternative` begins.
        comprehensions: kinds that open a scope whose first source is looked up outside.
        binders: kind to what it binds.
        patterns: kind to the fields in which a pattern goes on; none means all named children.
        members: kind to the fields whose names are no variables (attributes, labels); none means all children.
        pins: kinds below which every name keeps its own, wherever it occurs.
        pinned_names: names that always keep their own.
        texts: kinds of text that can name variables (macros): its words keep theirs.
        looks: words with which a program can see its own names; then none of them is replaced.
        constants: whether a capital letter at the start of a name in a pattern means a constant (Rust).
        dynamic: whether callees see a caller's locals (Bash).
        globals_: kind of a statement that makes names global; `nonlocals`: likewise for those of a function
            around.
        hints: kinds of type hints that have no effect when a program runs; with the `:` or `->` in front.
        hinted: kind that holds hints to the kind that it is without; empty where only the name is left then.
        documents: whether the first string of a body is its documentation (Python).
        keywords: kind of a keyword argument, and `keyword_calls`, the built-in functions for which the order of
            these says nothing.
        old: kinds of statements that only an older version of the language knows: such a program is broken.
        imports: kinds of import statements, and `find_imports`, which returns what one imports.
        kept_whole: kinds at the top level that a program always keeps (includes, macros, packages).
        types: kinds at the top level that define types or classes.
        entries: kinds of a definition that an entry point can be.
        wrappers: kinds at the top level that hold the real statement (`export`, decorators, templates).
        blocks: kinds of a list of statements.
        loops, ifs, elifs, elses, switches, cases, catches, tries, ternaries: kinds of these. A `case` decides,
            unless its text begins with a word of `defaults`.
        nests: kinds that nest without deciding (`with`).
        clauses: kinds that decide without nesting (the `for` and `if` of a comprehension).
        booleans: kind of an expression whose operator may be one of `boolean_words`.
        comparisons: kind of an expression whose operator may be one of `comparison_words`.
        leaving: kinds of statements after which the rest of a block is dead; `returns`, `raises`: those of them
            that leave the function.
        calls: kind of a call to the field of what is called.
        tag_kinds: tag to the kinds that show it; `tag_calls`: to functions called; `tag_methods`: to methods
            called; `tag_words`: to words that stand anywhere.
        spots: kind to a function that returns the tag which such a node shows by what is in it, or nothing.
        mains: names of a function that runs only as the main program.
        builtins: names that hide a built-in when bound.
        hint_tags: whether type hints are optional, so that tags say how many there are.
    """

    name: str
    grammar: tree_sitter.Language
    fences: tuple[str, ...]
    suffixes: tuple[str, ...]
    names: Kinds
    comments: Kinds
    comment_marks: tuple[bytes, ...]
    stops: tuple[str, ...] = ()
    doc_marks: tuple[bytes, ...] = ()
    labels: Kinds = NONE
    atoms: Kinds = NONE
    strings: Kinds = NONE
    interpolations: Kinds = NONE
    verbatim: Kinds = NONE
    numbers: Kinds = NONE
    separated: Mapping[str, Kinds] = field(default_factory=dict)
    functions: Mapping[str, Shape] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    scopes: Kinds = NONE
    until_alternative: Kinds = NONE
    comprehensions: Kinds = NONE
    binders: Mapping[str, Binder] = field(default_factory=dict)
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pins: Kinds = NONE
    pinned_names: Words = frozenset()
    texts: Kinds = NONE
    looks: Words = frozenset()
    constants: bool = False
    dynamic: bool = False
    globals_: Kinds = NONE
    nonlocals: Kinds = NONE
    hints: Kinds = NONE
    hinted: Mapping[str, str] = field(default_factory=dict)
    documents: bool = False
    keywords: Kinds = NONE
    keyword_calls: Words = frozenset()
    old: Kinds = NONE
    imports: Kinds = NONE
    find_imports: Callable[[tree_sitter.Node, bytes], Iterator[Import]] | None = None
    kept_whole: Kinds = NONE
    types: Kinds = NONE
    entries: Kinds = NONE
    wrappers: Kinds = NONE
    blocks: Kinds = NONE
    loops: Kinds = NONE
    ifs: Kinds = NONE
    elifs: Kinds = NONE
    elses: Kinds = NONE
    switches: Kinds = NONE
    cases: Kinds = NONE
    defaults: tuple[bytes, ...] = (b"default",)
    catches: Kinds = NONE
    tries: Kinds = NONE
    ternaries: Kinds = NONE
    nests: Kinds = NONE
    clauses: Kinds = NONE
    booleans: Kinds = NONE
    boolean_words: Words = frozenset({b"&&", b"||"})
    comparisons: Kinds = NONE
    comparison_words: Words = frozenset({b"<", b"<=", b">", b">=", b"==", b"!=", b"===", b"!=="})
    leaving: Kinds = NONE
    returns: Kinds = NONE
    raises: Kinds = NONE
    calls: Mapping[str, str] = field(default_factory=dict)
    tag_kinds: Mapping[str, Kinds] = field(default_factory=dict)
    tag_calls: Mapping[str, Words] = field(default_factory=dict)
    tag_methods: Mapping[str, Words] = field(default_factory=dict)
    tag_words: Mapping[str, Words] = field(default_factory=dict)
    spots: Mapping[str, Callable[[tree_sitter.Node, bytes], str]] = field(default_factory=dict)
    mains: Words = frozenset()
    builtins: Words = frozenset()
    hint_tags: bool = False
