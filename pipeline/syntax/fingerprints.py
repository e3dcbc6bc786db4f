"""Fingerprints of a program: equal ones mean the same program up to what each leaves out.

Each is a digest of the stream of a walk, which holds the tokens and the shape of the tree. What may differ under
an equal fingerprint:

- exact: white space, blank lines, line breaks, comments, the tokens that only end statements. Strings count as
  they are written.
- plain: that, and documentation in strings, and the quotes of a string that holds no quote or backslash.
- renamed: that, and the names of local variables, of functions inside of functions and their parameters.

Parameters of other functions, names at the top level and in classes, imported names, attributes and built-in
names keep theirs. So do names that could be seen at run time, and all names of a program that looks at names
itself. Constants and order count. What is given up: the text of a language's own error
messages, which can name a local variable, and of functions turned into strings.

A name is replaced only where the scopes say which variable it means: two variables never get one number, and a
name that some part of the table doesn't explain keeps its own.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import TypeAlias

from pairsmith.pipeline.languages.grammar import Grammar, ScopeKind
from pairsmith.pipeline.syntax.facts import MARK, Binding, Cut, Facts, Scope, find_binding

Locals: TypeAlias = list[tuple[int, Binding]]
"""(place in the stream, variable) of every name that may be replaced, in order."""
Fingerprints: TypeAlias = tuple[str, str, str]
"""The fingerprints exact, plain and renamed, each of 32 hex digits."""
_LOCAL, _VOID = b"\x01", b"\x05"


def unparsed_fingerprint(source: bytes) -> str:
    """Return the fingerprint of a text that doesn't parse: its lines, without blank ones and trailing space."""
    return _digest([b"unparsed", *(line.rstrip() for line in source.split(b"\n") if line.strip())])


def all_fingerprints(facts: Facts, source: bytes, row: Grammar, locals_: Locals) -> Fingerprints:
    """Return the fingerprints of a program."""
    stream = facts.stream
    exact = _digest(stream)
    looking = looks_at_names(facts, source, row)
    cuts = [] if looking else sorted(facts.cuts)
    plain = [_requote(token) for token in stream] if row.documents and b"'" in source else stream
    renamed = plain if looking else _renumber(plain, locals_)
    first = _digest(_apply(plain, cuts)) if cuts or plain is not stream else exact
    second = _digest(_apply(renamed, cuts)) if renamed is not plain else first
    return exact, first, second


def shingle_tokens(facts: Facts, locals_: Locals) -> list[bytes]:
    """Return the tokens with every local name replaced by one and the same mark, docstrings left out.

    Numbers would do harm here: one more variable at the start would change all of them.
    """
    tokens = list(facts.stream)
    for index, _ in locals_:
        tokens[index] = _LOCAL
    return [token for token in _apply(tokens, facts.cuts) if token[:1] != MARK and token != _VOID]


def looks_at_names(facts: Facts, source: bytes, row: Grammar) -> bool:
    """Return whether a program may depend on its names or its documentation: then nothing in it is left out."""
    if facts.looking or not row.looks.isdisjoint(facts.stream):
        return True
    if not row.documents:
        return False
    # Words inside of strings are searched for only where they could matter: that takes ten times as long.
    suspect = "string_interpolation" in facts.seen or b"__" in source or b"attr" in source
    return suspect and any(word in row.looks for word in re.findall(rb"\w+", source))


def local_names(facts: Facts, row: Grammar) -> Locals:
    """Return (place in the stream, variable) of every name that may be replaced, in order."""
    stream, plain = facts.stream, facts.plain
    pinned = _pinned_names(facts, row)
    found: list[tuple[int, Binding]] = []
    doubtful: set[bytes] = set()
    for index, scope, place in facts.names:
        name = stream[index]
        if name in pinned or place in plain or name[:2] == b"__":
            continue
        binding = _bound_at(name, scope, place, facts)
        if binding is None or not _is_local(name, binding, facts):
            continue
        if binding.scope is not scope and _crosses_class(scope, binding):
            doubtful.add(name)
        found.append((index, binding))
    if row.dynamic:
        doubtful |= _shared_names(facts, found)
    return [(index, binding) for index, binding in found if stream[index] not in doubtful] if doubtful else found


def free_names(facts: Facts) -> set[bytes]:
    """Return the names that are taken from the top level of the file or from outside of it."""
    found: set[bytes] = set()
    for index, scope, place in facts.names:
        name = facts.stream[index]
        if name in found or place in facts.plain:
            continue
        binding = _bound_at(name, scope, place, facts)
        if binding is None or binding.scope.parent is None or name in binding.scope.globals_:
            found.add(name)
    return found


def _bound_at(name: bytes, scope: Scope, place: int, facts: Facts) -> Binding | None:
    """Return the variable that a name refers to; None if it is bound outside of the file."""
    binding = facts.declared.get(place)
    return find_binding(name, scope, place) if binding is None or name in binding.scope.nonlocals else binding


def _pinned_names(facts: Facts, row: Grammar) -> set[bytes]:
    pinned = facts.pinned | row.pinned_names
    for scope in facts.scopes:
        if scope.kind is ScopeKind.CLASS:
            pinned |= scope.bound.keys()
        elif scope.kept:
            pinned |= scope.kept
    if facts.words:
        pinned |= facts.words
    return pinned


def _is_local(name: bytes, binding: Binding, facts: Facts) -> bool:
    scope = binding.scope
    if scope.kind is ScopeKind.CLASS or scope.kind is ScopeKind.FILE:
        return False
    if binding.role == "kept" or name in scope.globals_:
        return False
    if binding.role != "parameter":
        return True
    # A parameter could be given by keyword: by one of the program's own calls, or by somebody outside.
    inside = scope.function is not None and scope.function.inner
    return inside and not facts.splats_keywords and name not in facts.keyword_names


def _crosses_class(scope: Scope | None, binding: Binding) -> bool:
    """Return whether a name is looked up from a class in a function: an inherited one may hide the function's."""
    while scope is not binding.scope and scope is not None:
        if scope.kind is ScopeKind.CLASS:
            return True
        scope = scope.parent
    return False


def _shared_names(facts: Facts, found: Sequence[tuple[int, Binding]]) -> set[bytes]:
    """Return the names that are in other functions too, where a callee could see a caller's variable."""
    stream = facts.stream
    homes: dict[bytes, set[int]] = {}
    for index, scope, _ in facts.names:
        homes.setdefault(stream[index], set()).add(id(scope.around()))
    return {stream[index] for index, _ in found if len(homes[stream[index]]) > 1}


def _renumber(tokens: list[bytes], locals_: Locals) -> list[bytes]:
    """Return tokens with each local name replaced by its number of first appearance."""
    if not locals_:
        return tokens
    tokens = list(tokens)
    numbers: dict[int, bytes] = {}
    for index, binding in locals_:
        symbol = id(binding)
        number = numbers.get(symbol)
        if number is None:
            number = numbers[symbol] = b"\x01%d" % len(numbers)
        tokens[index] = number
    return tokens


def _apply(tokens: list[bytes], cuts: Sequence[Cut]) -> list[bytes]:
    """Return tokens with cuts made, the last one first."""
    if not cuts:
        return tokens
    edited = list(tokens)
    for cut in reversed(cuts):
        edited[cut.start : cut.end] = cut.tokens
    return edited


def _requote(token: bytes) -> bytes:
    """Return a single-quoted string in double quotes if that can't change its value, other tokens as they are."""
    inside = token[1:-1]
    is_plain = len(token) > 1 and token[:1] == token[-1:] == b"'" and not re.search(rb"[\"'\\]", inside)
    return b'"' + inside + b'"' if is_plain else token


def _digest(tokens: Sequence[bytes]) -> str:
    return hashlib.blake2b(b"\0".join(tokens), digest_size=16).hexdigest()
