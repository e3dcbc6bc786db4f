"""What objects are made of: which of their classes say all by their parts, and where a class was written."""

from __future__ import annotations

import abc
import builtins
import dataclasses
import enum
import importlib
import operator
import sys
import types
from typing import Any

from pairsmith.schemas import twins

TYPES: dict[str, Any] = {name: kind for name, kind in vars(builtins).items() if isinstance(kind, type)}
TYPES.update({kind.__name__: kind for kind in (*twins.VALUE_OF, *twins.CONTAINER_OF, types.ModuleType)})
TYPES["NoneType"] = type(None)
_TYPE_NAMES = {kind: name for name, kind in TYPES.items()}

_STEERS_TESTS = ("unittest", "doctest", "bdb")  # a test runner would take their exceptions for its own
_GENERATED = "<string>"  # where dataclasses compile their methods

_ABSTRACT = ("abc", "collections.abc", "contextlib", "numbers", "os")  # whose classes take in others by `register`
_VIEWS: dict[str, Any] = {"dict_keys": dict.keys, "dict_values": dict.values, "dict_items": dict.items}
VIEW_NAMES: dict[Any, str] = {type(view({})): name for name, view in _VIEWS.items()}


def type_name(kind: Any) -> str | None:
    """Return the name of a class that both sides have; None for others, whatever their metaclass says of them."""
    return _TYPE_NAMES.get(kind) if twins.has_plain_hash(kind) else None


def module_named(name: str) -> types.ModuleType:
    """Return a module of the standard library, or an empty one of that name.

    Raises:
        ValueError: if to import it is to run a program.
    """
    if not is_standard(name):
        return types.ModuleType(name)
    if name in sys.modules:
        return sys.modules[name]
    if name.endswith("__main__"):
        raise ValueError("a program")
    return importlib.import_module(name)


def make_view(name: str, items: list[Any]) -> Any:
    """Return the view of a dict that holds these items."""
    if name == "dict_keys":
        return dict.fromkeys(items).keys()
    return dict(items).items() if name == "dict_items" else dict(enumerate(items)).values()


def memory_parts(view: memoryview) -> list[Any] | None:
    """Return what a memoryview is of, its start and size in bytes there, format and shape; None if unknown."""
    try:
        base, flat = view.obj, view.cast("B") if view.c_contiguous else None
    except (TypeError, ValueError):  # it is released
        return None
    if view.readonly and isinstance(base, bytes):
        return [view.tobytes(), 0, view.nbytes, view.format, view.shape]
    if view.readonly or type(base) is not bytearray or not flat:
        return None
    before = bytes(base)
    flat[0] ^= 255
    start = next(place for place, byte in enumerate(base) if byte != before[place])
    flat[0] ^= 255
    return [base, start, view.nbytes, view.format, view.shape]


def make_memory(base: Any, start: int, size: int, code: str, shape: tuple[int, ...]) -> memoryview:
    """Return the memoryview that has these parts."""
    view: Any = memoryview(base)[start : start + size]
    if len(shape) != 1:
        return memoryview(view.cast(code, shape))
    return memoryview(view if code == "B" else view.cast(code))


def is_view_of(view: memoryview, base: bytearray) -> bool:
    """Return whether a memoryview is of a bytearray, and not released."""
    try:
        return view.obj is base
    except ValueError:
        return False


def value_parts(value: Any) -> list[Any] | None:
    """Return the parts of an enum's member or of a true named tuple; None for all else."""
    if isinstance(value, enum.Enum):
        whole = isinstance(value, enum.Flag) or type(value._name_) is not str
        return [value._value_] if whole else [value._name_, None]
    if isinstance(value, tuple) and twins.named_fields(type(value)) is not None:
        return list(tuple.__iter__(value))
    return None


def make_named(kind: Any, parts: list[Any]) -> Any:
    """Return the member or named tuple that has these parts.

    Raises:
        ValueError: if the class has no such one.
    """
    if isinstance(kind, enum.EnumMeta):
        return kind(parts[0]) if len(parts) == 1 else kind[parts[0]]
    if isinstance(kind, type) and issubclass(kind, tuple):
        return tuple.__new__(kind, parts)
    raise ValueError("neither an enum nor a named tuple")


def abstract_parts(kind: Any) -> list[Any]:
    """Return the abstract classes of the standard library that a class counts as, and its own abstract methods."""
    if not is_written_class(kind) or not twins.has_plain_hash(kind):
        return [[], None]
    loaded = [one for name in _ABSTRACT if name in sys.modules for one in vars(sys.modules[name]).values()]
    known = {one for one in (*loaded, *type.mro(kind)) if _is_abstract(one)}
    names = sorted(f"{one.__module__}:{one.__name__}" for one in known if issubclass(kind, one))
    return [names, sorted(kind.__abstractmethods__) if type(kind) is abc.ABCMeta else None]


def count_as(kind: Any, names: list[str], to_write: list[str] | None) -> None:
    """Have a stand-in count as what `abstract_parts` says."""
    for name in names if twins.has_plain_hash(kind) else ():
        module, _, attribute = name.partition(":")
        found: Any = getattr(sys.modules.get(module), attribute, None) if is_standard(module) else None
        if _is_abstract(found) and not issubclass(kind, found):
            found.register(kind)
    if to_write is not None:
        type.__setattr__(kind, "__abstractmethods__", frozenset(map(str, to_write)))


def _is_abstract(kind: Any) -> bool:
    return type(kind) is abc.ABCMeta and is_library(kind)


def is_record(kind: Any) -> bool:
    """Return whether a class is a dataclass whose methods Python made, so that its fields say all."""
    if not dataclasses.is_dataclass(kind) or not has_plain_layout(kind):
        return False
    if not all(_is_made(kind, name) for name in ("__init__", "__eq__")):
        return False
    if any(is_written(twins.found(kind, name)) for name in ("__getattr__", "__setattr__", "__getattribute__")):
        return False
    if any(getattr(part, "fset", None) for base in _classes_of(kind) for part in vars(base).values()):
        return False  # setting an attribute runs code
    return all(dataclasses.is_dataclass(base) for base in _classes_of(kind))


def has_own_init(kind: Any) -> bool:
    """Return whether a dataclass has a say in what its fields hold: then its own side makes its objects."""
    known = kind.__dataclass_fields__.values()  # `dataclasses.fields` leaves InitVar out
    is_given = all(field.init and str(field._field_type) != "_FIELD_INITVAR" for field in known)
    return hasattr(kind, "__post_init__") or not is_given


def _is_made(kind: Any, name: str) -> bool:
    """Return whether `dataclass` made a method."""
    return getattr(getattr(twins.found(kind, name), "__code__", None), "co_filename", "") == _GENERATED


def _classes_of(kind: Any) -> list[Any]:
    """Return a class and its bases, without `object`."""
    return list(type.mro(kind))[:-1]


def has_plain_layout(kind: Any) -> bool:
    """Return whether objects of a class are nothing but their attributes."""
    return kind.__new__ is object.__new__ and all(
        (type(base) is type or "__record__" in vars(type(base))) and is_heap(base) for base in _classes_of(kind)
    )


def state_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an object of plain layout."""
    state = dict(getattr(value, "__dict__", {}))
    for name, slot in _slots_of(type(value)).items():
        try:
            state[name] = slot.__get__(value)
        except AttributeError:
            continue
    return state


def set_state(value: Any, state: dict[str, Any]) -> None:
    """Make these the attributes of an object of plain layout, and no others."""
    slots = _slots_of(type(value))
    for name in slots.keys() & state.keys():
        slots[name].__set__(value, state[name])
    if hasattr(value, "__dict__"):
        value.__dict__.clear()
        value.__dict__.update({name: part for name, part in state.items() if name not in slots})


def _slots_of(kind: Any) -> dict[str, Any]:
    kinds = types.MemberDescriptorType
    return {name: slot for base in type.mro(kind) for name, slot in base.__dict__.items() if type(slot) is kinds}


def is_written(value: Any) -> bool:
    """Return whether a function is in the source of a solution, a setup or a test, or rests on one that is."""
    code = getattr(value, "__code__", None)
    if getattr(value, "__module__", "") == "functools":  # `total_ordering` made it
        return True
    return code is not None and code.co_filename != _GENERATED and code.co_filename.startswith(("<", "/tmp"))


def class_methods(kind: Any) -> list[str]:
    """Return the names of the class methods and static methods of an enum or named tuple."""
    return sorted(
        {
            name
            for base in type.mro(kind)
            if is_written_class(base)
            for name, value in base.__dict__.items()
            if isinstance(value, (classmethod, staticmethod)) and is_written(value.__func__)
            if not name.startswith("_") or name == "_missing_"
        }
    )


def is_method(value: Any) -> bool:
    """Return whether an attribute of a class is a method of its objects."""
    return isinstance(value, (types.FunctionType, types.MethodDescriptorType))


def is_heap(kind: Any) -> bool:
    """Return whether Python code, or a module that acts like it, made a class."""
    return bool(kind.__flags__ & 1 << 9)


def error_state(error: BaseException) -> dict[str, Any]:
    """Return what an exception of the standard library says beside its arguments and notes."""
    if is_written_class(type(error)):
        return {}
    known = {name: getattr(error, name, None) for name in ("filename", "name")}
    state = {name: value for name, value in vars(error).items() if name != "__notes__"}
    return {**state, **{name: value for name, value in known.items() if value is not None}}


def _error_dict(error: BaseException) -> dict[str, Any]:
    found: dict[str, Any] = BaseException.__dict__["__dict__"].__get__(error)
    return found


def error_chain(error: BaseException, is_test: bool) -> list[Any]:
    """Return an exception's cause, its context (one of the tests' stays with them), and whether that is hidden."""
    return [error.__cause__, None if is_test else error.__context__, error.__suppress_context__]


def set_error_chain(error: BaseException, cause: Any, context: Any, is_hidden: Any) -> None:
    """Give an exception what `error_chain` says."""
    error.__cause__, error.__context__, error.__suppress_context__ = cause, context, bool(is_hidden)


def error_arguments(error: BaseException) -> tuple[Any, ...]:
    """Return the arguments of an exception; a group's exceptions as a tuple, which is whole when it is made."""
    if hasattr(error, "derive") and len(error.args) == 2:
        return error.args[0], tuple(error.args[1])
    return error.args


def is_written_class(kind: Any) -> bool:
    """Return whether a class is in a solution, a setup or a test."""
    return is_heap(kind) and not is_library(kind)


def is_library(kind: Any) -> bool:
    """Return whether a class that Python code made belongs to the standard library."""
    return is_heap(kind) and kind.__module__ not in ("solution", "builtins", "__main__", "test_solution")


def is_standard(module: Any) -> bool:
    """Return whether a module is one of the standard library's that a candidate may name."""
    names = getattr(sys, "stdlib_module_names", sys.builtin_module_names)  # the first from Python 3.10 on
    root = str(module).partition(".")[0]
    return root in names and root not in _STEERS_TESTS


def container(kind: Any) -> twins.Container | None:
    """Return the twin of a container's class."""
    if kind.__module__ == "numpy":
        twins.know_numpy()
    return twins.CONTAINER_OF.get(kind) if twins.has_plain_hash(kind) else None


def _twin_of(value: Any) -> twins.Container | None:
    twin = container(type(value))
    if twin is None:
        base = next((base for base in (list, dict, set) if isinstance(value, base)), None)
        twin = twins.CONTAINER_OF[base] if base is not None else None
    return twin


def items_of(value: Any) -> list[Any]:
    """Return what a container, or an object by its attributes, holds; of an exception its notes."""
    twin = _twin_of(value)
    if isinstance(value, BaseException):
        notes = _error_dict(value).get("__notes__")
        return [] if notes is None else ["__notes__", notes]
    if twin is not None:
        return twin.items(value)
    return [part for pair in state_of(value).items() for part in pair]


def fill(value: Any, items: list[Any]) -> None:
    """Have a container, or an object by its attributes, hold these items instead; an exception these notes."""
    twin = _twin_of(value)
    if isinstance(value, BaseException):
        _error_dict(value).pop("__notes__", None)
        _error_dict(value).update(dict(zip(items[::2], items[1::2])))  # noqa: B905 (Python 3.9)
    elif twin is not None:
        twin.fill(value, items)
    else:
        set_state(value, dict(zip(items[::2], items[1::2])))  # noqa: B905 (Python 3.9)


def is_same(items: list[Any], known: list[Any]) -> bool:
    """Return whether a container holds the same objects as before."""
    if len(items) != len(known):
        return False
    if all(map(operator.is_, items, known)):
        return True
    return len(items) == 1 and type(items[0]) is bytes and items == known
