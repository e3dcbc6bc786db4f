"""Values of the constant expressions that tests are written with, found without running the tests.

Bounded: an expression of too many parts or bits counts as not constant, so hostile test files cost nothing.

Objects count too where their class is simple: one of the setup's whose `__init__` only stores its parameters and
constants (`root.left = Node(2)`). They go into a sandbox by their fields and become objects of that class there.
"""

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pairsmith.schemas.values import BUILTIN_TYPES, Record, refuse_collisions, to_set

MAX_PARTS = 100_000  # longest sequence; more than any real test, small enough to build in milliseconds
MAX_BITS = 1 << 20
MAX_BYTES = 64 << 20  # of the texts of all values of one problem

_CALLS: dict[str, Callable[..., Any]] = {
    call.__name__: call
    for call in (
        list, tuple, dict, sorted, len, abs, sum, min, max, round, str, int, float, complex, bool,
    )
}  # fmt: skip
_CALLS["set"] = lambda items=(): to_set(items)
_CALLS["frozenset"] = lambda items=(): frozenset(to_set(items))
_MATH_VALUES = {name: getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")}
_SEQUENCES = (str, bytes, list, tuple)
_NUMBERS = (int, float, complex)  # bool is an int


class NotConvertibleError(Exception):
    """A piece of a test has no typed form; the message names it."""


@dataclass(frozen=True, slots=True)
class SimpleClass:
    """What `__init__` of a simple class does."""

    name: str
    parameters: tuple[str, ...]  # names, without `self`
    defaults: tuple[ast.expr, ...]  # expressions of the last of them
    # Attribute to what it is set to: a parameter's name or a constant, in order.
    fields: tuple[tuple[str, ast.Name | ast.Constant], ...]


@dataclass
class Scope:
    """The names that a statement sees."""

    callees: frozenset[str]  # names that reach the candidate: the entry point, and `check`'s parameter
    values: dict[str, Any] = field(default_factory=dict)  # local variables with a known value
    hidden: set[str] = field(default_factory=set)  # names bound to something unknown; they mean no builtin
    parameters: tuple[str, ...] = ()  # the entry point's parameters, where its signature is known
    # Name in the tests to name in the module `math`: `math.isclose` and, imported, `isclose`.
    math: dict[str, str] = field(default_factory=dict)
    classes: dict[str, SimpleClass] = field(default_factory=dict)  # simple classes of the setup, by name
    n_bytes_left: int = MAX_BYTES  # how long the texts of the values may be that the rest of the tests hold

    def is_builtin(self, name: str) -> bool:
        """Return whether nothing covers the builtin of that name."""
        return not (name in self.callees or name in self.values or name in self.hidden or name in self.math)

    def math_name(self, node: ast.expr) -> str:
        """Return the name in the module `math` that an expression means, or an empty string."""
        match node:
            case ast.Name(id=name):
                return self.math.get(name, "")
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                return self.math.get(f"{owner}.{name}", "")
        return ""


def constant(node: ast.expr, scope: Scope) -> Any:
    """Return the value of a constant expression, built afresh.

    Literals, arithmetic, repetition and concatenation, known local variables, calls such as `set([1])`,
    `float("inf")` and `list(range(9))`, constants of `math`.

    Raises:
        NotConvertibleError: for everything else, and for what is too large or raises.
    """
    try:
        return _constant(node, scope)
    except (ArithmeticError, TypeError, ValueError, RecursionError, MemoryError) as error:
        raise NotConvertibleError(f"{_short(node)} raises {type(error).__name__}") from None


def is_mutable(value: object) -> bool:
    """Return whether a call could change a value, or a part of it."""
    if isinstance(value, tuple | frozenset):
        return any(is_mutable(part) for part in value)
    return isinstance(value, list | dict | set) or (isinstance(value, Record) and not value.is_tuple)


def _constant(node: ast.expr, scope: Scope) -> Any:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.Name(id=name) if name in scope.values:
            return scope.values[name]
        case ast.Name(id=name) if name in BUILTIN_TYPES and scope.is_builtin(name):
            return BUILTIN_TYPES[name]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if (
            name in scope.classes and name not in scope.values
        ):
            kind = scope.classes[name]
            defaults = [_constant(default, Scope(frozenset())) for default in kind.defaults]
            return make_record(kind, [_constant(arg, scope) for arg in args], defaults)
        case ast.List(elts=parts):
            return [_constant(part, scope) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_constant(part, scope) for part in parts)
        case ast.Set(elts=parts):
            return to_set([_constant(part, scope) for part in parts])
        case ast.Dict(keys=keys, values=values):
            if None in keys:
                raise NotConvertibleError("a dict with ** is no constant")
            known = [_constant(key, scope) for key in keys if key is not None]
            refuse_collisions(known)
            return dict(zip(known, (_constant(value, scope) for value in values), strict=True))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_constant(operand, scope)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return +_constant(operand, scope)
        case ast.BinOp(left=left, op=op, right=right):
            return _operation(_constant(left, scope), op, _constant(right, scope))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            if name not in _CALLS or not scope.is_builtin(name):
                raise NotConvertibleError(f"{name}(...) is no constant")
            return _bounded(_CALLS[name](*(_argument(arg, scope) for arg in args)))
        case ast.Name() | ast.Attribute() if scope.math_name(node) in _MATH_VALUES:
            return _MATH_VALUES[scope.math_name(node)]
    raise NotConvertibleError(f"{_short(node)} is no constant")


def _argument(node: ast.expr, scope: Scope) -> Any:
    """Return an argument of a constant call. `range` is allowed only here: it is no plain value."""
    match node:
        case ast.Call(func=ast.Name(id="range"), args=args, keywords=[]) if scope.is_builtin("range"):
            numbers = range(*(_constant(arg, scope) for arg in args))
            if len(numbers) > MAX_PARTS:
                raise NotConvertibleError("a range of too many numbers")
            return numbers
    return _constant(node, scope)


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,  # not of strings: "%999999999d" % 1 fills the memory
}


def _operation(left: Any, op: ast.operator, right: Any) -> Any:
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        if isinstance(op, ast.Pow):
            return _power(left, right)
        if type(op) in _ARITHMETIC:
            return _bounded(_ARITHMETIC[type(op)](left, right))
    elif isinstance(op, ast.Add) and type(left) is type(right) and isinstance(left, _SEQUENCES):
        return _bounded(left + right)
    elif isinstance(op, ast.Mult):
        sequence, times = (left, right) if isinstance(left, _SEQUENCES) else (right, left)
        if isinstance(sequence, _SEQUENCES) and isinstance(times, int):
            if len(sequence) * times > MAX_PARTS:
                raise NotConvertibleError("a sequence of too many parts")
            return sequence * times
    raise NotConvertibleError(f"{type(op).__name__} of {type(left).__name__} and {type(right).__name__}")


def _power(base: Any, exponent: Any) -> Any:
    integers = isinstance(base, int) and isinstance(exponent, int)
    if integers and exponent > 0 and base.bit_length() * exponent > MAX_BITS:
        raise NotConvertibleError("a power of too many bits")
    return base**exponent


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise NotConvertibleError("an int of too many bits")
    if isinstance(value, _SEQUENCES) and len(value) > MAX_PARTS:
        raise NotConvertibleError("a sequence of too many parts")
    return value


def _short(node: ast.expr) -> str:
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:
        return f"a {type(node).__name__} nested too deep"
    return text if len(text) <= 60 else text[:57] + "..."


def simple_classes(tree: ast.Module) -> dict[str, SimpleClass]:
    """Return the simple classes that code defines at its top level, by name."""
    found = (_simple_class(node) for node in tree.body if isinstance(node, ast.ClassDef))
    return {known.name: known for known in found if known is not None}


def make_record(kind: SimpleClass, arguments: list[Any], defaults: list[Any]) -> Record:
    """Return the object that a call of the class makes, as a record of its fields.

    Raises:
        ValueError: if the number of arguments does not fit.
    """
    n_missing = len(kind.parameters) - len(arguments)
    if not 0 <= n_missing <= len(defaults):
        raise ValueError(f"{kind.name} takes {len(kind.parameters)} arguments")
    given = dict(zip(kind.parameters, [*arguments, *defaults[len(defaults) - n_missing :]], strict=True))
    fields = {
        name: given[source.id] if isinstance(source, ast.Name) else source.value for name, source in kind.fields
    }
    return Record(kind.name, tuple(fields.items()))


def with_attribute(value: Any, path: list[str], new: Any) -> Record:
    """Return a record in which the attribute at the end of a path is set.

    Raises:
        ValueError: if there is no record on the way.
    """
    if not isinstance(value, Record) or value.is_tuple:
        raise ValueError("an attribute of what is no object")
    fields = dict(value.fields)
    name, *rest = path
    fields[name] = with_attribute(fields.get(name), rest, new) if rest else new
    return Record(value.name, tuple(fields.items()))


def classes_used(tests: ast.Module, reference: str, tree: ast.Module) -> str:
    """Return the source of the reference's simple classes that the tests use; empty if there is none."""
    used = {node.id for node in ast.walk(tests) if isinstance(node, ast.Name)}
    kinds = simple_classes(tree)
    texts = [
        ast.get_source_segment(reference, node) or ""
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name in used and node.name in kinds
    ]
    return "\n\n\n".join(texts) + "\n" if texts else ""


def _simple_class(node: ast.ClassDef) -> SimpleClass | None:
    bases = [ast.unparse(base) for base in node.bases]
    starts = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
    makers = {part.name for part in node.body if isinstance(part, ast.FunctionDef)} & {"__new__", "__setattr__"}
    if bases not in ([], ["object"]) or node.keywords or node.decorator_list or len(starts) != 1 or makers:
        return None
    arguments = starts[0].args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs or not arguments.args:
        return None
    this, *parameters = (argument.arg for argument in arguments.args)
    fields = []
    for statement in starts[0].body:
        match statement:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id=owner), attr=name)],
                value=(ast.Name() | ast.Constant()) as source,
            ) if owner == this and (isinstance(source, ast.Constant) or source.id in parameters):
                fields.append((name, source))
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case _:
                return None
    return SimpleClass(node.name, tuple(parameters), tuple(arguments.defaults), tuple(fields))
