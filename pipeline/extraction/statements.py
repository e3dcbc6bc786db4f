"""The top-level statements of a Python text, good ones and broken ones, and what each one is about."""

import ast
import builtins
import functools
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from pairsmith.pipeline.languages.python import GRAMMAR as LANGUAGE
from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.syntax.fingerprints import free_names
from pairsmith.pipeline.syntax.parsing import parse_source, to_source, walk_tree

_LOCK = threading.Lock()  # warnings.catch_warnings changes the filters of all threads
MAX_ENDS = 8  # ends tried for one piece: strings and brackets may hold lines that begin at the margin
MAX_TRIES = 4000  # compilations for one text; a bound on time, far above what a completion needs

DEFINITIONS = frozenset({"function_definition", "class_definition", "decorated_definition"})
IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement"})
BUILTINS = frozenset(dir(builtins))
_CLAUSE = re.compile(r"(?:else|elif|except|finally|case)\b|[)\]}]")
_NAMED = re.compile(r"(?:(?:async\s+)?(?:def|class)|type)\s+(\w+)|(\w+)\s*(?::[^=]*)?=(?!=)")
_SETTINGS = frozenset(
    {"setrecursionlimit", "set_int_max_str_digits", "stack_size", "seed", "setlocale", "filterwarnings",
     "simplefilter", "seterr", "setcontext"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement at the top level, or several that share a line.

    Attributes:
        text: with the comments above it.
        kind: `definition`, `import`, `setting` (changes the interpreter, or an include: always kept), `guard` (an
            `if __name__ == ...`, a `main`), `demo` (prints, asserts, bare values), `broken` (can't be read, but a
            compiler may: kept in its own block), else `other`.
        binds: names that it gives a value at the top level.
        reads: names that it takes from the top level or the built-ins, at once or when called.
        touches: names whose value it could change in place by a call; a function, when called.
        alters: likewise by assignment: `x.y = ...`, `x[0] = ...`, `del x[0]`.
        stub: a definition whose body does nothing.
        dynamic: it looks names up at run time (`eval`, `globals`): it could need anything.
        is_words: it does nothing that a program needs, as words do that happen to compile: `Note: this`.
    """

    text: str
    kind: str
    binds: frozenset[str]
    reads: frozenset[str]
    touches: frozenset[str]
    alters: frozenset[str]
    stub: bool = False
    dynamic: bool = False
    is_words: bool = False


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text cut at the margin.

    Attributes:
        statements: those that compile, in order.
        broken: names that pieces which don't compile would have bound.
        whole: whether the text compiles unchanged.
    """

    statements: tuple[Statement, ...]
    broken: frozenset[str]
    whole: bool


def compiles(code: str) -> bool:
    """Return whether Python compiles this text as a module; too deeply nested or with null bytes is not."""
    return _compiles(code.rstrip("\n") + "\n")


@functools.lru_cache(maxsize=64)  # reading one answer asks for the same few texts again and again
def _compiles(code: str) -> bool:
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "<candidate>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
            return False
    return True


def cut_pieces(text: str) -> Pieces:
    """Return the statements of a text, which may hold prose, junk and truncated code between them."""
    if compiles(text):
        found = _statements(text)
        if found is not None:
            return Pieces(tuple(found), frozenset(), True)
    good: list[Statement] = []
    broken: set[str] = set()
    lines = text.split("\n")
    starts = [*margins(lines), len(lines)]
    tries = place = 0
    while place < len(starts) - 1 and tries < MAX_TRIES:
        for end in range(place + 1, min(place + 1 + MAX_ENDS, len(starts))):
            piece = "\n".join(lines[starts[place] : starts[end]])
            tries += 1
            if compiles(piece) and (found := _statements(piece)) is not None:
                good.extend(found)
                place = end
                break
        else:
            broken.update(_broken_names(lines[starts[place]]))
            place += 1
    return Pieces(tuple(good), frozenset(broken), False)


def margins(lines: list[str]) -> list[int]:
    """Return the numbers of the lines where a statement may begin: at the margin, no comment, no `else`."""
    return [
        number
        for number, line in enumerate(lines)
        if line[:1].strip() and line[0] != "#" and not _CLAUSE.match(line)
    ]


def _broken_names(line: str) -> Iterator[str]:
    if match := _NAMED.match(line):
        yield match[1] or match[2]


def _statements(text: str) -> list[Statement] | None:
    """Return the statements of a text that compiles; None where tree-sitter can't read it."""
    source = to_source(text)
    root = parse_source(source, LANGUAGE)
    if root.has_error:
        return None
    found: list[Statement] = []
    end = 0
    for group in _groups(root):
        start, last = end, group[-1].end_byte
        newline = source.find(b"\n", last)
        end = len(source) if newline < 0 else newline + 1
        found.append(_describe(group, source, source[start:end].decode()))
    return found


def _groups(root: Node) -> Iterator[list[Node]]:
    """Give the statements, those that share a line together."""
    group: list[Node] = []
    for child in root.children:
        if child.type in LANGUAGE.comments or child.type == ";":
            continue
        if group and child.start_point.row > group[-1].end_point.row:
            yield group
            group = []
        group.append(child)
    if group:
        yield group


def _describe(group: list[Node], source: bytes, text: str) -> Statement:
    kinds = {_kind(node, source) for node in group}
    binds: set[bytes] = set()
    reads: set[bytes] = set()
    alters: set[bytes] = set()
    for node in group:
        facts = walk_tree(node, source, LANGUAGE)
        binds |= facts.scopes[0].bound.keys()
        reads.update(free_names(facts), facts.pinned)
        alters.update(_altered(node, source), *(scope.globals_ for scope in facts.scopes))
    return Statement(
        text=text,
        kind=kinds.pop() if len(kinds) == 1 else "other",
        binds=_decode(binds),
        reads=_decode(reads),
        touches=_decode({name for node in group for name in _touched(node, source)}),
        alters=_decode(alters),
        stub=len(group) == 1 and _is_stub(group[0]),
        dynamic=not _DYNAMIC.isdisjoint(reads) and not (_DYNAMIC & reads == {b"eval"} and _evaluates_input(group)),
        is_words=all(_is_words(node) for node in group),
    )


_DYNAMIC = frozenset({b"eval", b"exec", b"globals", b"locals", b"vars", b"setattr", b"__import__"})


def _evaluates_input(group: list[Node]) -> bool:
    """Return whether all that statements evaluate is a name or what a call gives, as in `eval(input())`."""
    calls = [call for node in group for call in _below(node, "call") if (call.text or b"").startswith(b"eval(")]
    given = [next(iter(call.named_children[1].named_children), None) for call in calls]
    is_plain = all(node is not None and node.type in ("identifier", "call") for node in given)
    is_defining = any(
        True for node in group for _ in _below(node, "function_definition", "class_definition", "lambda")
    )
    return bool(calls) and is_plain and not is_defining


def _is_words(node: Node) -> bool:
    """Return whether a statement is an expression without a call, or a hint without a value."""
    if node.type != "expression_statement":
        return False
    inner = node.children[0]
    if inner.type == "assignment":
        return inner.child_by_field_name("right") is None
    if inner.type in ("augmented_assignment", "named_expression", "await", "yield", "string"):
        return False
    return not any(True for _ in _below(node, "call", "named_expression", "await"))


def _decode(names: set[bytes]) -> frozenset[str]:
    return frozenset(name.decode() for name in names)


def _kind(node: Node, source: bytes) -> str:
    if node.type in DEFINITIONS:
        return "definition"
    if node.type in IMPORTS:
        whole = any(child.type == "wildcard_import" for child in node.children)
        return "setting" if whole or node.type == "future_import_statement" else "import"
    if node.type == "if_statement":
        condition = node.child_by_field_name("condition")
        text = b"" if condition is None else source[condition.start_byte : condition.end_byte]
        return "guard" if b"__name__" in text else "other"
    if node.type == "assert_statement":
        return "demo"
    if node.type == "raise_statement":
        return "setting"  # it ends the program: nobody may take it away
    if node.type == "expression_statement":
        return _expression_kind(node.children[0], source)
    return "other"


def _expression_kind(node: Node, source: bytes) -> str:
    if node.type in ("assignment", "augmented_assignment", "named_expression"):
        return "other"
    callee = node.child_by_field_name("function") if node.type == "call" else None
    if callee is None:
        return "other" if any(True for _ in _below(node, "call")) else "demo"
    name = source[callee.start_byte : callee.end_byte].split(b".")[-1].decode()
    if name in _SETTINGS:
        return "setting"
    return "demo" if callee.type == "identifier" and name in BUILTINS - {"exec", "eval", "setattr"} else "other"


def _below(node: Node, *kinds: str) -> Iterator[Node]:
    if node.type in kinds:
        yield node
    waiting = [*node.children]  # the node keeps its own list
    while waiting:
        node = waiting.pop()
        if node.type in kinds:
            yield node
        if node.child_count:
            waiting += node.children


def _is_stub(node: Node) -> bool:
    is_definition = node.type in ("function_definition", "class_definition")
    body = node.child_by_field_name("body") if is_definition else None
    if body is None or node.child_by_field_name("superclasses") is not None:
        return False
    idle = ("pass_statement", "string", "ellipsis")
    return all(
        child.type in idle
        or (child.type == "expression_statement" and child.children[0].type in idle)
        or (child.type == "raise_statement" and (child.text or b"").startswith(b"raise NotImplementedError"))
        or (node.type == "class_definition" and _is_stub(child))
        for child in body.named_children
        if child.type not in LANGUAGE.comments
    )


_TARGETS = frozenset({"assignment", "augmented_assignment", "for_statement", "for_in_clause"})
_WHOLE_TARGETS = frozenset({"delete_statement", "as_pattern_target"})


def _altered(node: Node, source: bytes) -> Iterator[bytes]:
    """Give the names at the root of all attributes and items that are assigned or deleted below a node."""
    for place in _below(node, *_TARGETS, *_WHOLE_TARGETS):
        target = place if place.type in _WHOLE_TARGETS else place.child_by_field_name("left")
        if target is not None:
            yield from _target_roots(target, source)


def _target_roots(target: Node, source: bytes) -> Iterator[bytes]:
    waiting = [target]
    while waiting:
        node = waiting.pop()
        if node.type in ("attribute", "subscript"):
            yield from _root(node, source)
        elif node.type != "identifier":
            waiting.extend(node.named_children)


def _touched(node: Node, source: bytes) -> Iterator[bytes]:
    """Give the names that calls below a node could change: objects of methods, arguments of all but built-ins."""
    for call in _below(node, "call"):
        callee, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        if callee is None or arguments is None:
            continue
        if callee.type == "identifier" and source[callee.start_byte : callee.end_byte].decode() in BUILTINS:
            continue
        if callee.type == "attribute":
            yield from _root(callee, source)
        for argument in arguments.named_children:
            yield from _root(argument, source)


def _root(node: Node, source: bytes) -> Iterator[bytes]:
    """Give the name at the root of `name`, `name.attribute`, `name[item]`, `name(...).attribute`."""
    while node.type in ("attribute", "subscript", "call"):
        node = node.children[0]
    if node.type == "identifier":
        yield source[node.start_byte : node.end_byte]


def find_owner(code: str, method: str) -> str:
    """Return the class at the top level of Python code that has a method of this name, its own or by a base there.

    `Solution`, if that is one of several; else the last of them.
    """
    try:
        body = parse_python(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    owners: list[str] = []
    for node in body:
        if not isinstance(node, ast.ClassDef):
            continue
        has_own = any(
            isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and part.name == method for part in node.body
        )
        if has_own or any(isinstance(base, ast.Name) and base.id in owners for base in node.bases):
            owners.append(node.name)
    return "Solution" if "Solution" in owners else (owners[-1] if owners else "")
