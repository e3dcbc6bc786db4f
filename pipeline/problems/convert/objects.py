"""Objects that tests build of simple classes, found without running anything: `Node(1)`, `root.left = Node(2)`.

A simple class is one of the setup's whose `__init__` only stores its parameters and constants. Its objects go into
a sandbox by their fields and become objects of that class there (see `pipeline.sandbox.inside.program`).
"""

import ast
from dataclasses import dataclass
from typing import Any

from pairsmith.schemas.values import Record


@dataclass(frozen=True, slots=True)
class SimpleClass:
    """What `__init__` of a simple class does.

    Attributes:
        parameters: names, without `self`.
        defaults: expressions of the last of them.
        fields: attribute to what it is set to: a parameter's name or a constant, in order.
    """

    name: str
    parameters: tuple[str, ...]
    defaults: tuple[ast.expr, ...]
    fields: tuple[tuple[str, ast.Name | ast.Constant], ...]


def simple_classes(tree: ast.Module) -> dict[str, SimpleClass]:
    """Return the simple classes that code defines at its top level, by name."""
    found = (_simple_class(node) for node in tree.body if isinstance(node, ast.ClassDef))
    return {one.name: one for one in found if one is not None}


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
