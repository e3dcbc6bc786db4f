"""Scopes, what they bind, and which binding a name means. The rules come from each language's table."""

from dataclasses import dataclass, field

from pairsmith.pipeline.languages.grammar import ScopeKind

ENTER = -1
"""Kind id of a scope on the walk's stack: no node has it."""
_FUNCTIONS = frozenset({ScopeKind.FUNCTION, ScopeKind.LAMBDA, ScopeKind.CLASS, ScopeKind.FILE})
END_OF_FILE = 1 << 62


@dataclass(slots=True, eq=False)
class Function:
    """One function, method or lambda.

    Attributes:
        name: empty for a lambda.
        parent: function that it stands in; None at the top level or in a class.
        inner: whether it stands in another function, or is a lambda.
        n_parameters: parameters that could have a type hint: `self` and `cls` are left out.
        n_returns: its own `return` statements.
        ends_in_return: whether the last statement of its body is a `return`.
        guarded: whether its body begins with an `if` that leaves the function and has no `else`.
        single: whether its body is one statement, docstring aside.
        n_lines: lines from its first to its last one.
    """

    name: bytes
    parent: "Function | None"
    inner: bool
    n_parameters: int = 0
    n_hinted: int = 0
    returns_hinted: bool = False
    documented: bool = False
    mutable_default: bool = False
    n_returns: int = 0
    ends_in_return: bool = False
    guarded: bool = False
    single: bool = False
    n_lines: int = 0


@dataclass(slots=True, eq=False)
class Binding:
    """One variable: what a name means in a part of a scope, from byte `since` to byte `until`."""

    scope: "Scope"
    since: int
    until: int
    role: str


@dataclass(slots=True, eq=False)
class Scope:
    """A region in which names are looked up.

    Attributes:
        function: nearest function around; None at the top level or in a class there.
        bound: what it binds, by name, in the order of the source.
        kept: names whose owner can be seen from outside: imports, classes.
        globals_: names declared global in it; `nonlocals`: those of a function around.
        until: byte where its names end.
    """

    kind: ScopeKind
    parent: "Scope | None"
    function: Function | None = None
    until: int = END_OF_FILE
    bound: dict[bytes, list[Binding]] = field(default_factory=dict)
    kept: set[bytes] = field(default_factory=set)
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
