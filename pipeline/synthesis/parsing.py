"""Reads what a model wrote in a step of the chain, however malformed. What can't be used has a reason."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pairsmith.pipeline.languages.python.parsing import parse_python

_BULLET = re.compile(r"^\s*(?:[-*+•]|\(?\d{1,2}[.):]|#+)\s*")
_MARKUP = re.compile(r"[*_`]{1,3}")
_FENCED = re.compile(r"^[ \t]*```[^\n]*\n.*?(?:^[ \t]*```[^\n]*$|\Z)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(
    r"^\W*(task|instruction|problem|description|signature|function signature)\W*:?\W*$", re.IGNORECASE
)
_LABEL = re.compile(
    r"^\s*(?:#+\s*)?[*_]{0,2}(?:task|instruction|problem|description|signature)[*_]{0,2}\s*:[*_]{0,2}\s*",
    re.IGNORECASE,
)
_DEF = re.compile(r"\bdef\s+([A-Za-z_]\w*)\s*\(")
_SOLVING = re.compile(r"^\s*(?:examples?|solution|answer|tests?)\b\W*:?", re.IGNORECASE)
_MAX_CONCEPTS, _MAX_CONCEPT = 10, 120  # of a step's answer; characters of one
_LEAST_WORDS, _MOST_WORDS = 6, 400
_MAX_CHARACTERS = 20_000
_MAX_PARAMETERS = 500  # characters of a signature's parameters


@dataclass(frozen=True, slots=True)
class Instruction:
    """A task as a model stated it.

    Attributes:
        words: what the function does, constraints included.
        signature: `def name(a: int) -> int:` in one line.
        reason: why the answer can't be used; the other fields are empty then.
    """

    words: str = ""
    signature: str = ""
    entry_point: str = ""
    reason: str = ""


def parse_concepts(text: str) -> tuple[str, ...]:
    """Return the concepts in an answer: lines of a list, else short lines, else the parts between commas.

    Nothing comes of prose: whole sentences are no concepts.
    """
    lines = [line for line in _FENCED.sub("", text[:_MAX_CHARACTERS]).splitlines() if line.strip()]
    listed = [line for line in lines if _BULLET.match(line)]
    if not listed and len(lines) == 1 and lines[0].count(",") >= 2:
        listed = lines[0].rsplit(":", 1)[-1].split(",")
    found: dict[str, str] = {}
    for line in listed or lines:
        concept = _MARKUP.sub("", _BULLET.sub("", line)).strip(" .;:\t")
        is_short = 2 < len(concept) <= _MAX_CONCEPT and len(concept.split()) <= 12
        if is_short and not line.rstrip().endswith(":"):
            found.setdefault(concept.casefold(), concept)
    return tuple(found.values())[:_MAX_CONCEPTS] if listed or len(found) > 1 else ()


def parse_instruction(text: str) -> Instruction:
    """Return the task and the signature in an answer, whatever form it has."""
    text = text[:_MAX_CHARACTERS]
    if not text.strip():
        return Instruction(reason="empty")
    signature, reason = _find_signature(text)
    if reason:
        return Instruction(reason=reason)
    words = _find_words(text)
    n_words = len(words.split())
    if n_words < _LEAST_WORDS:
        return Instruction(reason="no_words")
    if n_words > _MOST_WORDS:
        return Instruction(reason="too_long")
    name = parse_python(f"{signature}\n    pass").body[0]
    assert isinstance(name, ast.FunctionDef)
    return Instruction(words, signature, name.name)


def _find_signature(text: str) -> tuple[str, str]:
    """Return the first usable signature, or why there is none."""
    reason = "no_signature"
    for match in _DEF.finditer(text):
        end = closing(text, match.end() - 1, _MAX_PARAMETERS)
        if end < 0:
            reason = "bad_signature"
            continue
        line = re.match(r"[ \t]*(?:->[^\n:]*(?:\[[^\n]*\])?[^\n:]*)?", text[end:])
        head = " ".join((text[match.start() : end] + (line.group() if line else "")).split())
        node = _function(head)
        if node is None:
            reason = "bad_signature"
        elif not (node.args.args or node.args.posonlyargs or node.args.vararg or node.args.kwonlyargs):
            reason = "no_parameters"
        elif node.args.vararg or node.args.kwarg or node.args.kwonlyargs:
            reason = "open_parameters"  # values can't be matched to parameters
        elif node.name in ("main", "solution_test", "test"):
            reason = "bad_signature"
        else:
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            return f"def {node.name}({ast.unparse(node.args)}){returns}:", ""
    return "", reason


def _function(head: str) -> ast.FunctionDef | None:
    try:
        (node,) = parse_python(f"{head}:\n    pass").body
    except (SyntaxError, ValueError, RecursionError):
        return None
    return node if isinstance(node, ast.FunctionDef) else None


def closing(text: str, start: int, most: int) -> int:
    """Return the place behind the bracket that closes the one at `start`; -1 if none does in `most` characters."""
    depth = 0
    for place in range(start, min(len(text), start + most)):
        depth += text[place] in "([{"
        depth -= text[place] in ")]}"
        if not depth:
            return place + 1
    return -1


def _find_words(text: str) -> str:
    kept: list[str] = []
    for line in _FENCED.sub("\n", text).splitlines():
        if _SOLVING.match(line) and kept:
            break
        if _HEADING.match(line):
            continue
        definition = _DEF.search(line)
        kept.append(_LABEL.sub("", line[: definition.start()] if definition else line).rstrip(" `"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def fits_signature(signature: str, arguments: Sequence[object], value: object, with_value: bool = True) -> bool:
    """Return whether arguments, and what they must give, have the types of a signature.

    A missing annotation, or a type that is not known here, fits everything.
    """
    node = _function(signature.rstrip(": "))
    if node is None:
        return False
    names = [*node.args.posonlyargs, *node.args.args]
    least = len(names) - len(node.args.defaults)
    if not least <= len(arguments) <= len(names):
        return False
    fits = all(_fits(name.annotation, given) for name, given in zip(names, arguments, strict=False))
    return fits and (not with_value or _fits(node.returns, value))


_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,), "float": (int, float), "complex": (int, float, complex), "str": (str,), "bool": (bool,),
    "bytes": (bytes,), "list": (list,), "tuple": (tuple,), "set": (set, frozenset), "frozenset": (set, frozenset),
    "dict": (dict,), "sequence": (list, tuple, str), "iterable": (list, tuple, str, set, frozenset, dict),
    "mapping": (dict,), "none": (type(None),),
}  # fmt: skip


def _fits(hint: ast.expr | None, value: object) -> bool:
    match hint:
        case ast.Constant(value=None):
            return value is None
        case ast.Name(id=name) | ast.Attribute(attr=name) if name.lower() in _TYPES:
            return isinstance(value, _TYPES[name.lower()]) and not (name == "int" and isinstance(value, bool))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _fits(left, value) or _fits(right, value)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            return _fits_parts(name.lower(), inner, value)
    return True


def _fits_parts(name: str, inner: ast.expr, value: object) -> bool:
    if name == "optional":
        return value is None or _fits(inner, value)
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "union":
        return any(_fits(part, value) for part in parts)
    if name not in _TYPES:
        return True
    if not isinstance(value, _TYPES[name]):
        return False
    if isinstance(value, dict):
        return len(parts) != 2 or all(_fits(parts[0], key) and _fits(parts[1], one) for key, one in value.items())
    if name == "tuple" and isinstance(value, tuple) and not (len(parts) == 2 and ast.unparse(parts[1]) == "..."):
        return len(parts) == len(value) and all(map(_fits, parts, value))
    return (
        all(_fits(parts[0], item) for item in value) if isinstance(value, (list, tuple, set, frozenset)) else True
    )
