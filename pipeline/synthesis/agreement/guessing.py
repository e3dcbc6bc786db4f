"""Inputs of the types that a signature names, where nobody wrote any."""

import ast
import itertools
from typing import Any

from pairsmith.pipeline.crosscheck.inputs import derive_inputs
from pairsmith.schemas.values import encode_arguments

N_GUESSED = 12
_SCALARS: dict[str, list[Any]] = {
    "int": [0, 1, 7, -3], "float": [0.0, 1.5, -2.25, 10.0], "str": ["", "a", "Hello world", "abcba"],
    "bool": [True, False], "bytes": [b"", b"ab"], "none": [None], "complex": [1j, 2 + 1j],
}  # fmt: skip
_CONTAINERS = ("list", "sequence", "iterable", "tuple", "set", "frozenset", "dict", "mapping")


def guess_inputs(signature: str, seed: str) -> tuple[str, ...]:
    """Return argument lists of the types that a signature says, small ones and some derived from these.

    A parameter without a type, or of a type that isn't known here, gets whole numbers, texts and lists in turns:
    what most programs refuse doesn't count anyway.

    Args:
        signature: `def f(a: int, b: list[str]) -> int:`.
        seed: of what is derived.
    """
    try:
        (node,) = ast.parse(f"{signature.rstrip().removesuffix(':')}:\n    pass").body
    except (SyntaxError, ValueError, RecursionError):
        return ()
    if not isinstance(node, ast.FunctionDef) or not node.args.args:
        return ()
    columns = [_values(argument.annotation) for argument in node.args.args]
    rows = [
        [column[(number + place) % len(column)] for place, column in enumerate(columns)]
        for number in range(max(map(len, columns)))
    ]
    own = list(dict.fromkeys(encode_arguments(row) for row in rows))
    return tuple(itertools.islice((*own, *derive_inputs(own, N_GUESSED, seed)), N_GUESSED + len(own)))


def _values(hint: ast.expr | None) -> list[Any]:
    match hint:
        case ast.Constant(value=None):
            return [None]
        case ast.Name(id=name) | ast.Attribute(attr=name) if name.lower() in _SCALARS:
            return _SCALARS[name.lower()]
        case ast.Name(id=name) | ast.Attribute(attr=name) if name.lower() in _CONTAINERS:
            return _container(name.lower(), [ast.Name("int")])
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return [*_values(left), *_values(right)]
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if name.lower() in ("optional", "union"):
                values = [value for part in parts for value in _values(part)]
                return [*values, None] if name.lower() == "optional" else values
            if name.lower() in _CONTAINERS:
                return _container(name.lower(), parts)
    return [3, "ab", [3, 1, 2], 10, "", []]


def _container(name: str, parts: list[ast.expr]) -> list[Any]:
    items = _values(parts[0])
    if name in ("dict", "mapping"):
        keys = [key for key in items if not isinstance(key, (list, dict, set))] or ["a"]
        values = _values(parts[1]) if len(parts) > 1 else items
        return [{}, {keys[0]: values[0]}, dict(zip(keys, values, strict=False))]
    if name == "tuple" and len(parts) > 1 and not isinstance(parts[1], ast.Constant):
        columns = [_values(part) for part in parts]
        return [tuple(column[number % len(column)] for column in columns) for number in range(4)]
    lists = [[], items[:1], items[:3], [*items, *items[:1]], items[::-1]]
    if name in ("set", "frozenset"):
        return [set(part) for part in lists if not any(isinstance(one, (list, dict, set)) for one in part)]
    return [tuple(part) for part in lists] if name == "tuple" else lists
