"""What the analyses need of a language: a table of the names in its grammar."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias, TypeVar

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
    """The parts of a definition of a function, by the names of their fields."""

    name: str = "name"  # field of its name; a declarator is followed down to the name. Empty for none.
    parameters: tuple[str, ...] = ("parameters",)  # fields with its parameters
    body: str = "body"  # field of its body
    returns: str = ""  # field of its return type; empty where there is none
    lambda_: bool = False  # whether it is an expression without a name of its own
    # Whether defaults and hints of parameters are looked up outside of the function (Python).
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Binder:
    """How a kind of node binds names."""

    fields: tuple[str, ...] = ()  # fields that hold a name or a pattern of names; none means all named children
    # `block`: the innermost scope; `function`: the innermost function, class or file; `body`: the part of the node
    # in its field `body`.
    scope: Literal["block", "function", "body"] = "block"
    # Where the name begins to be seen: in the `whole` scope, from the name on (`here`), or `after` the node.
    since: Literal["whole", "here", "after"] = "whole"
    # `local`; `parameter`; `kept` where the name can be seen from outside (imports, classes).
    role: Literal["local", "parameter", "kept"] = "local"
    # The node binds only if it has a child of one of these kinds; none means always.
    only_with: tuple[str, ...] = ()
    # In a node that has a child of one of these kinds, or whose parent has, the innermost function is meant
    # (JavaScript's `var`).
    function_with: tuple[str, ...] = ()
    anew: bool = False  # a second one in the same scope is another variable (Rust's `let`)


@dataclass(frozen=True, slots=True)
class Import:
    """One imported thing."""

    module: bytes  # where it comes from, as written
    bound: bytes  # name that it gets in the file; empty for none
    standard: bool  # whether it comes with the language
    star: bool = False  # whether it brings all names of the module


Kinds: TypeAlias = frozenset[str]
T = TypeVar("T")
Words: TypeAlias = frozenset[bytes]
NONE: Kinds = frozenset()


def kinds(names: str) -> Kinds:
    """Return the kinds that a text names, parted by blanks."""
    return frozenset(names.split())


def words(text: bytes) -> Words:
    """Return the words of a text, parted by blanks."""
    return frozenset(text.split())


def each(names: str, value: T) -> dict[str, T]:
    """Return a table that gives each of the names, parted by blanks, one value."""
    return dict.fromkeys(names.split(), value)


@dataclass(frozen=True, slots=True, eq=False)
class Grammar:
    """The grammar of one language. Kinds are names of node kinds of the grammar."""

    name: str  # such as `python`
    grammar: tree_sitter.Language
    comments: Kinds  # may stand anywhere and mean nothing
    comment_marks: tuple[bytes, ...]  # a text without any of these has no comments
    # Texts that follow a finished function in a plain completion and are never a part of it (such as its closing
    # brace). At most four, because OpenAI's API takes no more.
    stops: tuple[str, ...] = ()
    doc_marks: tuple[bytes, ...] = ()  # how a comment begins that documents what follows; none if none does
    names: Kinds = frozenset({"identifier"})  # of a variable's name
    labels: Kinds = NONE  # leaves that name members or labels, never variables
    atoms: Kinds = NONE  # one token each, whatever is below
    strings: Kinds = NONE  # string literals; those without a part of `interpolations` below are one token too
    interpolations: Kinds = NONE  # an expression inside of a string
    verbatim: Kinds = NONE  # white space between the parts counts
    numbers: Kinds = NONE  # number literals
    # Kind to the tokens in it that end or part statements, which the tree says already.
    separated: Mapping[str, Kinds] = field(default_factory=dict)
    functions: Mapping[str, Shape] = field(default_factory=dict)  # kind to its parts
    classes: Mapping[str, str] = field(default_factory=dict)  # kind to the field of its members; empty: the node
    scopes: Kinds = NONE  # open a scope of a block
    until_alternative: Kinds = NONE  # those of them whose names end where their field `alternative` begins
    comprehensions: Kinds = NONE  # open a scope whose first source is looked up outside
    binders: Mapping[str, Binder] = field(default_factory=dict)  # kind to what it binds
    # Kind to the fields in which a pattern goes on; none means all named children.
    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Kind to the fields whose names are no variables (attributes, labels); none means all children.
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pins: Kinds = NONE  # below them every name keeps its own, wherever it occurs
    pinned_names: Words = frozenset()  # names that always keep their own
    texts: Kinds = NONE  # text that can name variables (macros): its words keep theirs
    looks: Words = frozenset()  # words with which a program can see its own names; then none of them is replaced
    constants: bool = False  # whether a capital letter at the start of a name in a pattern means a constant (Rust)
    dynamic: bool = False  # whether callees see a caller's locals (Bash)
    globals_: Kinds = NONE  # a statement that makes names global
    nonlocals: Kinds = NONE  # likewise for those of a function around
    documents: bool = False  # whether the first string of a body is its documentation (Python)
    keywords: Kinds = NONE  # a keyword argument
    old: Kinds = NONE  # statements that only an older version knows: such a program is broken
    imports: Kinds = NONE  # import statements
    find_imports: Callable[[tree_sitter.Node, bytes], Iterator[Import]] | None = None  # what one imports
    kept_whole: Kinds = NONE  # at the top level, always kept by a program (includes, macros, packages)
    types: Kinds = NONE  # at the top level, define types or classes
    wrappers: Kinds = NONE  # at the top level, hold the real statement (`export`, decorators, templates)
    blocks: Kinds = NONE  # a list of statements
    loops: Kinds = NONE
    ifs: Kinds = frozenset({"if_statement"})
    elifs: Kinds = NONE
    elses: Kinds = frozenset({"else_clause"})
    switches: Kinds = NONE
    cases: Kinds = NONE  # decide, unless their text begins with a word of `defaults`
    defaults: tuple[bytes, ...] = (b"default",)
    catches: Kinds = NONE
    tries: Kinds = NONE
    ternaries: Kinds = NONE
    nests: Kinds = NONE  # nest without deciding (`with`)
    clauses: Kinds = NONE  # decide without nesting (the `for` and `if` of a comprehension)
    booleans: Kinds = frozenset({"binary_expression"})  # whose operator may be one of `boolean_words`
    boolean_words: Words = frozenset({b"&&", b"||"})
    leaving: Kinds = NONE  # statements after which the rest of a block is dead
    returns: Kinds = NONE  # those of them that leave the function; `raises`: by an error
    # Kind of a call to the field of what is called.
    calls: Mapping[str, str] = field(default_factory=lambda: {"call_expression": "function"})
    tag_kinds: Mapping[str, Kinds] = field(default_factory=dict)  # tag to the kinds that show it
    tag_calls: Mapping[str, Words] = field(default_factory=dict)  # to functions called
    tag_methods: Mapping[str, Words] = field(default_factory=dict)  # to methods called
    tag_words: Mapping[str, Words] = field(default_factory=dict)  # to words that stand anywhere
    # Kind to a function that returns the tag which such a node shows by what is in it, or nothing.
    spots: Mapping[str, Callable[[tree_sitter.Node, bytes], str]] = field(default_factory=dict)
    mains: Words = frozenset()  # names of a function that runs only as the main program
    builtins: Words = frozenset()  # names that hide a built-in when bound
    hint_tags: bool = False  # whether type hints are optional, so that tags say how many there are


def kind_ids(row: Grammar, names: Kinds) -> frozenset[int]:
    """Return the ids of named kinds of a language's grammar."""
    grammar = row.grammar
    found = (kind for kind in range(grammar.node_kind_count) if grammar.node_kind_is_named(kind))
    return frozenset(kind for kind in found if grammar.node_kind_for_id(kind) in names)
