"""Fingerprints of a program: equal ones mean the same program up to formatting, or up to local names too.

Both are digests of a token stream. What may differ under an equal fingerprint:

- exact: white space, blank lines, line breaks, `;`, comments. Strings count as they are written.
- renamed: that, and the names of local variables, of comprehension and lambda variables, of functions inside
  of functions and their parameters; docstrings; the quotes of a string that holds no quote or backslash.

Parameters of other functions, names at the top level and in classes, imported names, attributes and built-in
names keep theirs. So do names that could be seen at run time, and all names of a program that looks at names
itself (`LOOKS_AT_NAMES`). Type hints, constants and the order of everything count. One thing is given up:
the text of Python's own error messages, which can name a local variable.
"""

import hashlib
import re
from collections.abc import Sequence

from pipeline.syntax.facts import CLOSE, END, OPEN, Facts, Scope, ScopeKind, find_owner

LOOKS_AT_NAMES = frozenset(
    b"eval exec compile locals globals vars dir inspect traceback _getframe settrace setprofile __name__ "
    b"__qualname__ __code__ __closure__ __dict__ __annotations__ __kwdefaults__ __doc__ gi_frame cr_frame "
    b"ag_frame tb_frame getsource signature getfullargspec get_type_hints".split()
)
"""A program that has one of these words, anywhere, may depend on its names or docstrings."""
_LOOKS = re.compile(rb"\b(?:" + b"|".join(sorted(LOOKS_AT_NAMES)) + rb")\b")

_STRUCTURE = frozenset({OPEN, CLOSE, END})


def looks_at_names(facts: Facts, source: bytes) -> bool:
    """Return whether a program may depend on its names: then nothing in it is renamed."""
    if not LOOKS_AT_NAMES.isdisjoint(facts.tokens):
        return True
    # Words inside of strings are searched for only where they could matter: that takes ten times as long.
    suspect = "f_string" in facts.seen or b"__" in source or b"attr" in source
    return suspect and _LOOKS.search(source) is not None


def exact_fingerprint(facts: Facts) -> str:
    """Return the fingerprint of the token stream, 32 hex digits."""
    return _digest(b"exact", facts.tokens)


def unparsed_fingerprint(source: bytes) -> str:
    """Return the fingerprint of a text that doesn't parse: its lines, without blank ones and trailing space."""
    return _digest(b"unparsed", [line.rstrip() for line in source.split(b"\n") if line.strip()])


def renamed_fingerprint(facts: Facts, source: bytes) -> str:
    """Return the fingerprint that is proof against renamed local variables, 32 hex digits."""
    return _digest(b"renamed", rename_tokens(facts, source))


def rename_tokens(facts: Facts, source: bytes) -> list[bytes]:
    """Return the tokens with each local name replaced by its number of first appearance."""
    tokens = [_plain_quotes(token) if token[:1] == b"'" else token for token in facts.tokens]
    if looks_at_names(facts, source):
        return tokens
    numbers: dict[tuple[int, bytes], bytes] = {}
    for index, owner in local_names(facts):
        symbol = (id(owner), facts.tokens[index])
        number = numbers.get(symbol)
        if number is None:
            number = numbers[symbol] = b"\x01%d" % len(numbers)
        tokens[index] = number
    for index, alone in reversed(facts.docstrings):
        # A docstring that is a whole body stays as a mark: a body can't be empty.
        tokens[index : index + 2] = [b"\x05", END] if alone else []
    return tokens


def shingle_tokens(facts: Facts) -> list[bytes]:
    """Return the tokens with every local name replaced by one and the same mark, docstrings left out.

    Numbers would do harm here: one more variable at the start would change all of them.
    """
    tokens = list(facts.tokens)
    for index, _ in local_names(facts):
        tokens[index] = b"\x01"
    for index, _ in reversed(facts.docstrings):
        del tokens[index : index + 2]
    return [token for token in tokens if token not in _STRUCTURE]


def local_names(facts: Facts) -> list[tuple[int, Scope]]:
    """Return (index of the token, scope that binds it) of every name that may be replaced."""
    tokens, pinned = facts.tokens, _pinned_names(facts)
    owners: dict[tuple[int, bytes], Scope | None] = {}
    found: list[tuple[int, Scope]] = []
    for index, scope in facts.names:
        if scope.kind is ScopeKind.MODULE:
            continue
        name = tokens[index]
        key = (id(scope), name)
        if key in owners:
            owner = owners[key]
        else:
            owner = None if name in pinned or name[:2] == b"__" else find_owner(name, scope)
            if owner is not None and not _is_local(name, owner, facts):
                owner = None
            owners[key] = owner
        if owner is not None:
            found.append((index, owner))
    return found


def _pinned_names(facts: Facts) -> set[bytes]:
    pinned = set(facts.pinned)
    for scope in facts.scopes:
        pinned |= scope.bound if scope.kind is ScopeKind.CLASS else scope.kept
    return pinned


def _is_local(name: bytes, owner: Scope, facts: Facts) -> bool:
    if owner.kind is ScopeKind.CLASS:
        return False
    if name not in owner.parameters:
        return True
    # A parameter could be given by keyword: by one of the program's own calls, or by somebody outside.
    inside = owner.kind is ScopeKind.LAMBDA or (owner.function is not None and owner.function.parent is not None)
    return inside and not facts.splats_keywords and name not in facts.keyword_names


def _plain_quotes(token: bytes) -> bytes:
    """Return a single-quoted string in double quotes where nothing inside could tell."""
    inside = token[1:-1]
    if len(token) < 2 or token[-1:] != b"'" or b'"' in inside or b"\\" in inside or b"'" in inside:
        return token
    return b'"' + inside + b'"'


def _digest(sort: bytes, tokens: Sequence[bytes]) -> str:
    return hashlib.blake2b(b"\0".join(tokens), digest_size=16, person=sort).hexdigest()
