"""Which statements an entry point needs, and the pruned form of a program that holds only these.

A program runs whole. The pruned form is for programs that fail while they load, behind the definition of their
entry point: a demonstration that reads input, an assertion of the model's own that is wrong, a missing package.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pairsmith.pipeline.extraction.readers import Reader, join
from pairsmith.pipeline.extraction.statements import Statement


def select_needed(
    statements: Sequence[Statement], entry_point: str, between_prose: bool = False
) -> list[Statement]:
    """Return the statements that the entry point needs, in their order.

    Kept are all statements that bind a needed name, in whichever way; statements that could change a needed
    value in place, by themselves or through a function that they call; settings of the interpreter; and whatever
    ends the program, looks names up at run time, or runs before the entry point is defined. What a kept statement
    reads is needed too. Calls of the entry point itself are demonstrations, so are prints and asserts; `if
    __name__ == "__main__"` is left out, since tests import the program.
    """
    return _Selection(statements, entry_point).needed(between_prose)


class _Selection:
    """A work list of needed names, and of what was kept for them."""

    def __init__(self, statements: Sequence[Statement], entry_point: str) -> None:
        self.statements = statements
        self.entry_point = entry_point
        self.kept: set[int] = set()
        self.changing: set[int] = set()
        self.waiting = [entry_point]
        self.binders = _index(statement.binds for statement in statements)
        self.readers = _index(statement.reads for statement in statements)
        self.touchers = _index(statement.touches for statement in statements)
        self.alterers = _index(statement.alters for statement in statements)
        self.imported = {name for other in statements if other.kind == "import" for name in other.binds}

    def needed(self, between_prose: bool) -> list[Statement]:
        first = 0 if between_prose else min(self.binders[self.entry_point], default=0)
        for place in range(first):
            if self.statements[place].kind in ("demo", "other") and not self.statements[place].is_words:
                self.keep(place)  # it runs before the entry point is there: what it breaks is broken
        for place, statement in enumerate(self.statements):
            alters_module = statement.kind == "other" and not statement.alters.isdisjoint(self.imported)
            is_dynamic = statement.kind == "other" and statement.dynamic
            if statement.kind in ("setting", "broken") or alters_module or is_dynamic:
                self.keep(place)
        seen: set[str] = set()
        while self.waiting:
            name = self.waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for place in self.binders[name]:
                self.keep(place)
            for place in self.alterers[name]:
                self.follow(place)
            if name not in self.imported and name != self.entry_point:
                for place in self.touchers[name]:
                    self.follow(place)
        return [self.statements[place] for place in sorted(self.kept)]

    def keep(self, place: int) -> None:
        statement = self.statements[place]
        if place in self.kept or statement.kind == "guard":
            return
        self.kept.add(place)
        self.waiting.extend(statement.reads | statement.binds)
        if statement.dynamic:
            self.waiting.extend(self.binders)

    def follow(self, place: int) -> None:
        """Keep a statement that changes something needed; of a function, the statements that reach it."""
        waiting = [place]
        while waiting:
            place = waiting.pop()
            statement = self.statements[place]
            if statement.kind in ("other", "addition"):
                self.keep(place)
            elif statement.kind == "definition" and place not in self.changing:
                self.changing.add(place)
                for name in statement.binds - {self.entry_point}:
                    waiting.extend(self.readers[name])


def find_missing(statements: Sequence[Statement], builtins: frozenset[str]) -> set[str]:
    """Return the names that statements read and neither they nor the language bind."""
    reads = {name for statement in statements for name in statement.reads}
    binds = {name for statement in statements for name in statement.binds | statement.alters}
    return reads - binds - builtins


def borrow(base: Sequence[Statement], others: Sequence[Statement], builtins: frozenset[str]) -> list[Statement]:
    """Return the statements of other texts that bind a name which the base lacks, or which those then lack.

    With them those that add to what the base binds: further blocks of a type, and assignments to attributes and
    items, such as `f.cache = {}` behind the function that reads it, if they need nothing else.
    """
    bound = {name for statement in base for name in statement.binds}
    usable = [
        other
        for other in others
        if other.kind not in ("guard", "demo", "broken") and other.binds and other.binds.isdisjoint(bound)
    ]
    known = bound | builtins
    additions = [other for other in others if other.kind == "addition" or _only_alters(other, bound, known)]
    usable += additions
    binders = _index(other.binds for other in usable)
    adders = _index(other.alters if other in additions else () for other in usable)
    waiting = list(find_missing(base, builtins)) + sorted(bound if additions else ())
    taken: set[int] = set()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for place in (*binders[name], *adders[name]):
            taken.add(place)
            waiting.extend(usable[place].reads)
    return [usable[place] for place in sorted(taken)]


def _only_alters(statement: Statement, bound: set[str], known: frozenset[str] | set[str]) -> bool:
    """Return whether a statement assigns to attributes or items of bound names, and needs nothing unknown."""
    is_assignment = statement.kind == "other" and not statement.binds and not statement.dynamic
    return is_assignment and bool(statement.alters) and statement.alters <= bound and statement.reads <= known


def _index(names: Iterable[Iterable[str]]) -> defaultdict[str, list[int]]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, own in enumerate(names):
        for name in own:
            places[name].append(place)
    return places


def prune(
    base: Sequence[Statement],
    before: Sequence[Statement],
    after: Sequence[Statement],
    name: str,
    reader: Reader,
    between_prose: bool = False,
) -> str:
    """Return what the entry point needs of its own block, and of the statements before and behind it.

    Args:
        base: statements of the block that defines the entry point.
        before: those of the prompt and of earlier blocks. after: those of later blocks.
        between_prose: whether words may have been read as statements: then those before the entry point go too.
    """
    needed = select_needed(base, name, between_prose)
    lead, rest = borrow_around(needed, before, after, reader)
    head, needed = split_head(needed) if lead else ([], needed)
    own_head = [other for other in lead if _is_head(other)]
    lead = [other for other in lead if not _is_head(other)]
    heads = list({other.text.strip(): other for other in (*head, *own_head)}.values())
    parts = (heads, lead, needed, rest)
    return reader.finish("\n\n".join(join(part) + "\n" for part in parts if part))


def borrow_around(
    base: Sequence[Statement], before: Sequence[Statement], after: Sequence[Statement], reader: Reader
) -> tuple[list[Statement], list[Statement]]:
    """Return what a base lacks of the statements before it, and of those behind it."""
    borrowed = borrow(base, [*before, *after], reader.builtins)
    ahead = {id(other) for other in before}
    if reader.language is not None:
        settings = missing_settings(base, [*before, *after])
        borrowed, ahead = [*settings, *borrowed], ahead | {id(other) for other in settings}
    lead = [other for other in borrowed if id(other) in ahead]
    return lead, [other for other in borrowed if id(other) not in ahead]


def missing_settings(base: Sequence[Statement], others: Sequence[Statement]) -> list[Statement]:
    """Return the includes, imports and the like among others that the base doesn't have itself, each once."""
    seen = {statement.text.strip() for statement in base}
    found = {other.text.strip(): other for other in others if other.kind == "setting"}
    return [other for text, other in found.items() if text not in seen]


def put_before(lead: Sequence[Statement], code: str, statements: Sequence[Statement]) -> str:
    """Return code with statements before it, but behind what has to stand first (`from __future__`, `package`)."""
    if not lead:
        return code
    head, _ = split_head(statements)
    if not head:
        return f"{join(lead)}\n\n\n{code}"
    end = code.index(head[-1].text.strip("\n")) + len(head[-1].text.strip("\n"))
    return f"{code[:end]}\n{join(lead)}\n\n{code[end:].lstrip(chr(10))}"


def split_head(statements: Sequence[Statement]) -> tuple[list[Statement], list[Statement]]:
    """Return the statements up to the last that has to stand first, and the others."""
    last = max((place for place, other in enumerate(statements) if _is_head(other)), default=-1)
    return list(statements[: last + 1]), list(statements[last + 1 :])


def _is_head(statement: Statement) -> bool:
    lines = [line for line in statement.text.split("\n") if line.strip() and line.lstrip()[0] not in "#/"]
    return statement.kind == "setting" and bool(lines) and lines[0].startswith(("from __future__", "package "))
