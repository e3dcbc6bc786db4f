"""What one walk over a program's tree finds: tokens, scopes and what they bind. All analyses read nothing else."""

from dataclasses import dataclass, field
from typing import NamedTuple

from pairsmith.pipeline.languages.grammar import Import, ScopeKind

ENTER = -1
"""Kind id of a scope on the walk's stack: no node has it."""
_FUNCTIONS = frozenset({ScopeKind.FUNCTION, ScopeKind.LAMBDA, ScopeKind.CLASS, ScopeKind.FILE})
END_OF_FILE = 1 << 62


@dataclass(slots=True, eq=False)
class Function:
    """One function, method or lambda."""

    name: bytes  # empty for a lambda
    parent: "Function | None"  # function that it is in; None at the top level or in a class
    inner: bool  # whether it is in another function, or is a lambda
    n_parameters: int = 0  # parameters that could have a type hint: `self` and `cls` are left out
    n_hinted: int = 0
    returns_hinted: bool = False
    documented: bool = False
    mutable_default: bool = False
    n_returns: int = 0  # its own `return` statements
    ends_in_return: bool = False  # whether the last statement of its body is a `return`
    single: bool = False  # whether its body is one statement, docstring aside
    n_lines: int = 0  # lines from its first to its last one


@dataclass(slots=True, eq=False)
class Binding:
    """One variable: what a name means in a part of a scope, from byte `since` to byte `until`."""

    scope: "Scope"
    since: int
    until: int
    role: str


@dataclass(slots=True, eq=False)
class Scope:
    """A region in which names are looked up."""

    kind: ScopeKind
    parent: "Scope | None"
    function: Function | None = None  # nearest function around; None at the top level or in a class there
    until: int = END_OF_FILE  # byte where its names end
    # What it binds, by name, in the order of the source.
    bound: dict[bytes, list[Binding]] = field(default_factory=dict)
    kept: set[bytes] = field(default_factory=set)  # names whose owner can be seen from outside: imports, classes
    # Names declared global in it; `nonlocals`: those of a function around.
    globals_: set[bytes] = field(default_factory=set)
    nonlocals: set[bytes] = field(default_factory=set)
    kind_id: int = ENTER

    def bind(self, name: bytes, since: int, role: str, *, anew: bool, until: int = END_OF_FILE) -> Binding:
        """Return the binding of a name here, a new one if there is none yet (or `anew`)."""
        found = self.bound.get(name)
        until = min(until, self.until)
        if found is None:
            binding = Binding(self, since, until, role)
            self.bound[name] = [binding]
        elif anew or found[-1].until < since:
            binding = Binding(self, since, until, role)
            found.append(binding)
        else:
            binding = found[-1]
            if role == "parameter":
                binding.role = role
        if role == "kept":
            self.kept.add(name)
        return binding

    def around(self) -> "Scope":
        """Return the innermost function, class or file, itself included."""
        scope = self
        while scope.kind not in _FUNCTIONS and scope.parent is not None:
            scope = scope.parent
        return scope


def find_binding(name: bytes, scope: Scope, place: int) -> Binding | None:
    """Return what a name means at a byte of a scope; None where it is bound outside of the file, or global.

    A class's names are not found from within its functions: where they are (Java, C++), they are kept anyway.
    """
    start: Scope | None = scope
    while start is not None:
        if start.globals_ and name in start.globals_:
            return None
        found = start.bound.get(name)
        visible = start is scope or start.kind is not ScopeKind.CLASS
        if found is not None and visible and name not in start.nonlocals:
            for binding in reversed(found):
                if binding.since <= place < binding.until:
                    return binding
        start = start.parent
    return None


MARK = b"\x02"
"""How the mark of an inner node begins, which holds its kind and how many children it has. No token does."""


class Cut(NamedTuple):
    """A part of the stream to be replaced by tokens."""

    start: int
    end: int
    tokens: tuple[bytes, ...] = ()


@dataclass(slots=True, eq=False)
class Facts:
    """All that one walk found.

    Attributes:
        stream: marks of inner nodes and tokens, in order; comments and white space left out. It determines the
            tree: a mark gives the number of children.
        names: (place in the stream, scope it is looked up from, byte) of each token that could be a variable.
        declared: byte of a name that declares, and what.
        plain: bytes of names that are no variables: attributes, labels, keywords of arguments.
        members: names of attributes that stand at those bytes.
        pinned: names that must keep theirs wherever they occur.
        words: texts of other leaves: a name that is also one of these keeps its own.
        looking: whether a part of the program can see names, whatever they are.
        keyword_names: names of keyword arguments in calls.
        splats_keywords: whether some call has a `**` argument.
        scopes: all scopes, the file's first.
        cuts: parts of the stream that say nothing about the code: documentation.
        seen: tags whose evidence the walk saw directly.
        called: names called, `f(...)`; `methods`: attributes called, `x.f(...)`.
        imports: what is imported.
        n_decisions: what cyclomatic complexity counts; `cognitive`: Campbell's cognitive complexity.
        comment_lines: lines that hold nothing but a comment; `comment_starts`: the comments' first bytes.
        docstring_lines: lines of docstrings, blank ones left out.
        nesting_depth: see `schemas.candidate`; `loop_depth`: likewise of loops.
        import_tokens: how often an imported name is in the imports themselves.
        old: whether it has statements that only an older version of the language knows.
    """

    stream: list[bytes] = field(default_factory=list)
    names: list[tuple[int, Scope, int]] = field(default_factory=list)
    declared: dict[int, Binding] = field(default_factory=dict)
    plain: set[int] = field(default_factory=set)
    pinned: set[bytes] = field(default_factory=set)
    words: set[bytes] = field(default_factory=set)
    looking: bool = False
    keyword_names: set[bytes] = field(default_factory=set)
    splats_keywords: bool = False
    scopes: list[Scope] = field(default_factory=lambda: [Scope(ScopeKind.FILE, None)])
    functions: list[Function] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    called: set[bytes] = field(default_factory=set)
    methods: set[bytes] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    n_decisions: int = 0
    cognitive: int = 0
    comment_lines: int = 0
    docstring_lines: int = 0
    nesting_depth: int = 0
    loop_depth: int = 0
    import_tokens: dict[bytes, int] = field(default_factory=dict)
    old: bool = False

    def release(self) -> None:
        """Let go of what refers to itself, so that it is freed at once and not by the garbage collector."""
        for scope in self.scopes:
            scope.bound.clear()
