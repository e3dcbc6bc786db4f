"""What one walk over a program's tree finds. Fingerprints, tags and measures need nothing else."""

from dataclasses import dataclass, field
from enum import Enum

# Structure that a token stream lacks where indentation carries meaning. No token of a source begins so.
OPEN, CLOSE, END = b"\x02", b"\x03", b"\x04"
"""Start and end of a block, end of a statement."""


class ScopeKind(Enum):
    """What opened a scope."""

    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    LAMBDA = "lambda"
    COMPREHENSION = "comprehension"


@dataclass(slots=True, eq=False)
class Function:
    """One function definition (no lambda).

    Attributes:
        parent: definition that it stands in; None at the top level or in a class.
        n_parameters: parameters that could have a type hint: `self` and `cls` are left out.
        n_returns: its own `return` statements.
        ends_in_return: whether the last statement of its body is a `return`.
        guarded: whether its body begins with an `if` that leaves the function and has no `else`.
        single: whether its body is one statement, docstring aside.
    """

    name: bytes
    parent: "Function | None"
    n_parameters: int = 0
    n_hinted: int = 0
    returns_hinted: bool = False
    documented: bool = False
    mutable_default: bool = False
    n_returns: int = 0
    ends_in_return: bool = False
    guarded: bool = False
    single: bool = False


@dataclass(slots=True, eq=False)
class Scope:
    """A region in which names are looked up.

    Attributes:
        function: nearest definition around; None at the top level or in a class there.
        bound: names that it binds, parameters, imports, definitions and classes included.
        parameters: those that are parameters.
        kept: those bound by an import or a class, whose names can be seen from outside.
        globals_: names declared `global`.
        nonlocals: names declared `nonlocal`.
    """

    kind: ScopeKind
    parent: "Scope | None"
    function: Function | None = None
    bound: set[bytes] = field(default_factory=set)
    parameters: set[bytes] = field(default_factory=set)
    kept: set[bytes] = field(default_factory=set)
    globals_: set[bytes] = field(default_factory=set)
    nonlocals: set[bytes] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Facts:
    """All that one walk found.

    Attributes:
        tokens: the token stream with OPEN, CLOSE and END in it; comments and white space left out.
        n_pieces: tokens beyond the first of strings that are cut at the names inside of them.
        names: (index of a token that is a variable's name, scope it is looked up from), in order.
        docstrings: (index of a docstring's token, whether it is the only statement of its block).
        pinned: names that must keep theirs wherever they occur.
        keyword_names: names of keyword arguments in calls.
        splats_keywords: whether some call has a `**` argument.
        scopes: all scopes, the module's first.
        n_kinds: how many nodes of each kind.
        n_default_cases: `case _` clauses and the like, which decide nothing.
        seen: tags whose evidence the walk saw directly.
        called: names called, `f(...)`; `methods`: attributes called, `x.f(...)`.
        modules: top-level names of the modules that are imported by absolute name.
        comment_lines: lines that hold nothing but a comment.
        docstring_lines: lines of docstrings, blank ones left out.
        nesting_depth: see `schemas.syntax`.
        old: whether it has statements that only Python 2 knows.
    """

    tokens: list[bytes] = field(default_factory=list)
    n_pieces: int = 0
    names: list[tuple[int, Scope]] = field(default_factory=list)
    docstrings: list[tuple[int, bool]] = field(default_factory=list)
    pinned: set[bytes] = field(default_factory=set)
    keyword_names: set[bytes] = field(default_factory=set)
    splats_keywords: bool = False
    scopes: list[Scope] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    n_kinds: dict[str, int] = field(default_factory=dict)
    n_default_cases: int = 0
    seen: set[str] = field(default_factory=set)
    called: set[bytes] = field(default_factory=set)
    methods: set[bytes] = field(default_factory=set)
    modules: set[bytes] = field(default_factory=set)
    comment_lines: int = 0
    docstring_lines: int = 0
    nesting_depth: int = 0
    old: bool = False


def find_owner(name: bytes, scope: Scope) -> Scope | None:
    """Return the scope whose binding a name means, looked up from `scope`; None for a global or built-in name.

    Class scopes are seen only from themselves.

    Source: the Python language reference, 4.2 "Naming and binding".
    """
    start: Scope | None = scope
    while start is not None:
        if start.kind is ScopeKind.MODULE or name in start.globals_:
            return None
        visible = start is scope or start.kind is not ScopeKind.CLASS
        if visible and name in start.bound and name not in start.nonlocals:
            return start
        start = start.parent
    return None
