"""What one walk over a program's tree finds. Fingerprints, tags and measures need nothing else."""

from dataclasses import dataclass, field
from typing import NamedTuple

from pairsmith.pipeline.languages.grammar import Import, ScopeKind
from pairsmith.pipeline.syntax.scopes import Binding, Function, Scope

MARK = b"\x02"
"""How the mark of an inner node begins, which holds its kind and how many children it has. No token does."""


class Cut(NamedTuple):
    """A part of the stream to be replaced: by tokens, or by what stands in another part (`moved`: start, end)."""

    start: int
    end: int
    tokens: tuple[bytes, ...] = ()
    moved: tuple[int, int] | None = None


@dataclass(slots=True, eq=False)
class Facts:
    """All that one walk found.

    Attributes:
        stream: marks of inner nodes and tokens, in order; comments and white space left out. It determines the
            tree: a mark says how many children follow.
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
        hint_cuts: likewise for type hints.
        order_starts: first byte of a part whose order says nothing to that of the first one of its group.
        swaps: groups of such parts, as (start, end) in the stream.
        seen: tags whose evidence the walk saw directly.
        called: names called, `f(...)`; `methods`: attributes called, `x.f(...)`.
        imports: what is imported.
        import_group, import_end, import_names: group of the last import if it may be sorted, else 0; where it
            ended in the stream; what the group binds.
        n_decisions: what cyclomatic complexity counts; `cognitive`: Campbell's cognitive complexity.
        comment_lines: lines that hold nothing but a comment; `comment_starts`: the comments' first bytes.
        docstring_lines: lines of docstrings, blank ones left out.
        nesting_depth: see `schemas.syntax`; `loop_depth`: likewise of loops.
        import_tokens: how often an imported name stands in the imports themselves.
        docstrings: documentation in strings, as written.
        hint_starts: where type hints begin that have not ended yet.
        n_magic: comparisons with a number other than 0, 1 and -1.
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
    hint_cuts: list[Cut] = field(default_factory=list)
    order_starts: dict[int, int] = field(default_factory=dict)
    swaps: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
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
    n_magic: int = 0
    docstrings: list[bytes] = field(default_factory=list)
    hint_starts: list[int] = field(default_factory=list)
    import_group: int = 0
    import_end: int = -1
    import_names: set[bytes] = field(default_factory=set)
    import_tokens: dict[bytes, int] = field(default_factory=dict)
    old: bool = False

    def release(self) -> None:
        """Let go of what refers to itself, so that it is freed at once and not by the garbage collector."""
        for scope in self.scopes:
            scope.bound.clear()
