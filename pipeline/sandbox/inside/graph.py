"""Objects that two processes share: what one has of them, the other has too, each time a message crosses.

A message is a request or a reply, the text of `[body, changes, lives, said, is_busy]`. Values without parts are
in the body itself, as in `schemas.values`. Lists, dicts and all other containers of `schemas.twins` have a number
and exist on both sides; at each crossing the sender adds what has changed in them since the last, and the
receiver changes its own in place. So aliasing within a result, between results and arguments, and changes in
place are what they are in one process. Everything else that is no plain value has a number too, but stays where
it is: the other side holds a stand-in for it (`mirrors`) whose calls, attributes and operators are requests.

The changes: `[number, kind, ...]`, for a container its name, header and items; `obj` (class, attributes) for an
object whose class both sides have; `nan` for a float that is none; `exc`, `sub`, `own`, `class` and `stand_in` for
what `mirrors` makes of them. `lives` says what it no longer holds (`lives`). `said` is what it has printed
since its last message, [stream, text] each.
"""

from __future__ import annotations

import importlib
import json
import sys
import types
from collections.abc import Callable
from typing import Any

from pairsmith.pipeline.sandbox.inside import describing, layouts, mirrors
from pairsmith.pipeline.sandbox.inside.hints import MODULES, hint_parts, make_hint
from pairsmith.pipeline.sandbox.inside.lives import Lives
from pairsmith.pipeline.sandbox.inside.methods import Bound
from pairsmith.schemas import twins
from pairsmith.schemas.values import (
    MAX_NODES,
    NO_SCALAR,
    ValueTooLargeError,
    decode_value,
    encode_scalar,
    value_twin,
)

_BROKEN = (TypeError, ValueError, LookupError, AttributeError, RecursionError, OverflowError, BufferError)


class BrokenMessageError(Exception):
    """The other side sent what is no message."""


class Peer:
    """One of the two sides.

    Attributes:
        objects: what has a number, by number; strong references.
        setup: classes that both sides have by the problem's setup, by name: their objects cross by their
        attributes.
        shared: further classes of this side whose objects cross by their attributes.
        said: what this side has printed, for the next message.
        made_with: what this side made objects of the other's dataclasses with, by id, until they come back.
    """

    def __init__(self, talk: Callable[[str], str], first: int, drops: bool) -> None:
        """Share nothing yet.

        Args:
            talk: sends a message and returns the other side's next one.
            first: the first number that this side gives, 0 or 1.
            drops: whether this side is the one that lets go of objects.
        """
        self.talk = talk
        self.objects: dict[int, Any] = {}
        self.setup: dict[str, type] = {}
        self.shared: set[type] = set()
        self.said: list[list[str]] = []
        self.is_busy_there = False
        self.made_with: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._numbers: dict[int, int] = {}
        self.known: dict[int, list[Any]] = {}
        self._incoming: dict[int, list[Any]] = {}
        self._fresh: list[int] = []
        self._stand_in_of: dict[type, int] = {}
        self._next, self.drops = first, drops
        self._n_left = 0
        self.lives = Lives(self)
        self.raised: Any = None

    @property
    def is_busy(self) -> bool:
        """Whether something of this side's goes on that may ask by itself."""
        return False

    def number_of(self, value: object) -> int | None:
        """Return the number of an object; None if it has none."""
        return self._numbers.get(id(value))

    def pack(self, body: list[Any]) -> str:
        """Return the text of a message.

        Raises:
            ValueTooLargeError: over MAX_NODES parts, or an int of too many bits.
        """
        before, self._fresh, self._n_left = self._next, [], MAX_NODES
        synced: dict[int, list[Any]] = {}
        changes = []
        try:
            tree = [self.tree(part) for part in body]
            for number, known in list(self.known.items()):
                items = layouts.items_of(self.objects[number])
                if not layouts.is_same(items, known):
                    synced[number] = items
                    changes.append([number, "", self._trees(items)])
            while self._fresh:
                number = self._fresh.pop(0)
                changes.append([number, *self._entry(number, synced)])
            self.known.update(synced)
            items = []
            body.clear()  # what only the message holds is let go with it
            message = [tree, changes, self.lives.changes(), self.said, self.is_busy]
            text = json.dumps(message, ensure_ascii=True, separators=(",", ":"))
            self.said.clear()
        except BaseException as error:
            for number in range(before, self._next, 2):
                self._numbers.pop(id(self.objects.pop(number, None)), None)
            if isinstance(error, RecursionError):
                raise ValueTooLargeError("a value nested too deep") from None
            raise
        return text

    def unpack(self, text: str) -> list[Any]:
        """Return the body of a message, once all that it changes has changed.

        Raises:
            BrokenMessageError: if it is none.
        """
        try:
            body, changes, lives, said, self.is_busy_there = json.loads(text)
            for stream, part in said:
                (sys.stderr if stream == "stderr" else sys.stdout).write(part)
            self._incoming.update({entry[0]: entry for entry in changes})
            for entry in changes:
                self._object(entry[0])
            for number, *_, items in changes:
                if number in self.known:
                    value = self.objects[number]
                    self._fill(value, [self.value(item) for item in items])
                    self.known[number] = layouts.items_of(value)
            parts = [self.value(part) for part in body]
            self.lives.hear(*lives)
            return parts
        except _BROKEN as error:
            raise BrokenMessageError(f"{type(error).__name__}: {error}") from None

    def tree(self, value: Any) -> Any:
        """Return what stands for a value in a message."""
        self._n_left -= 1
        if self._n_left < 0:
            raise ValueTooLargeError("a value of too many parts")
        kind = type(value)
        is_nan = kind is float and value != value  # a list that holds it equals one that holds the same object
        plain = NO_SCALAR if is_nan else encode_scalar(value, kind)
        if plain is not NO_SCALAR:
            return plain
        number = self._numbers.get(id(value))
        if number is not None:
            self.lives.sealed.discard(number)
            return {"@": number}
        if kind is tuple:
            return {"tuple": self._trees(value)}
        if kind is frozenset:
            return {"frozenset": sorted(self._trees(value), key=json.dumps)}
        twin = value_twin(kind)
        if twin is not None:
            return {"std": [twin.name, self._trees(twin.parts(value))]}
        type_name = layouts.type_name(value) if isinstance(value, type) else None
        if type_name is not None:
            return {"type": type_name}
        if kind is types.TracebackType:
            return None
        if kind is types.ModuleType:
            return {"module": value.__name__}
        method = kind is types.MethodType and self.lives.method_tree(value)
        if method:
            return method
        hint = hint_parts(value) if kind.__module__ in MODULES else None
        if hint is not None:
            return {"hint": self._trees(hint)}
        if kind is property:
            return {"property": self._trees([value.fget, value.fset, value.fdel, value.__doc__])}
        if twins.has_plain_hash(kind) and kind in layouts.VIEW_NAMES:
            return {"view": [layouts.VIEW_NAMES[kind], self._trees(value)]}
        named = layouts.value_parts(value)
        if named is not None:
            return {"named": [self.tree(kind), self._trees(named)]}
        if isinstance(value, type) and self.setup.get(value.__name__) is value:
            return {"setup": value.__name__}
        return {"@": self._give_number(value.plain() if kind is Bound else value)}

    def value(self, tree: Any) -> Any:
        """Return the value that a part of a message stands for."""
        if not isinstance(tree, dict):
            return tree
        ((tag, body),) = tree.items()
        if tag == "@":
            return self._object(body)
        if tag in ("tuple", "frozenset"):
            items = [self.value(item) for item in body]
            return tuple(items) if tag == "tuple" else frozenset(items)
        if tag == "std":
            if body[0].startswith("numpy."):
                self._need_numpy()
            return twins.make_value(body[0], [self.value(part) for part in body[1]])
        if tag == "type":
            return layouts.TYPES[body]
        if tag == "module":
            return layouts.module_named(body)
        if tag == "hint":
            return make_hint(str(body[0]), [self.value(part) for part in body[1:]])
        if tag == "property":
            return property(*[self.value(part) for part in body])
        if tag == "method":
            return self.lives.method([self.value(part) for part in body])
        if tag == "view":
            return layouts.make_view(body[0], [self.value(part) for part in body[1]])
        if tag == "named":
            return layouts.make_named(self.value(body[0]), [self.value(part) for part in body[1]])
        if tag == "setup":
            return self.setup[body]
        return decode_value(json.dumps(tree))

    def _give_number(self, value: Any) -> int:
        number = self._next
        self._next += 2
        self.hold(number, value)
        self._fresh.append(number)
        return number

    def _class_tree(self, kind: type) -> Any:
        """Return the tree of the class whose stand-in an object needs: for a library's, the reader has its own."""
        if layouts.type_name(kind) is None and not layouts.is_standard(kind.__module__):
            return self.tree(kind)
        if kind not in self._stand_in_of:
            self._stand_in_of[kind] = self._give_number(kind)
        return {"@": self._stand_in_of[kind]}

    def _trees(self, values: Any) -> list[Any]:
        return [self.tree(value) for value in values]

    def is_own(self, number: int) -> bool:
        """Return whether this side gave a number."""
        return number % 2 == self._next % 2

    def hold(self, number: int, value: Any) -> None:
        """Give an object a number."""
        self.objects[number] = value
        self._numbers[id(value)] = number

    def drop(self, number: int) -> Any:
        """Return what had a number, which has none now."""
        value = self.objects.pop(number, None)
        self._numbers.pop(id(value), None)
        return value

    def _entry(self, number: int, synced: dict[int, list[Any]]) -> list[Any]:
        """Return what the other side needs to have a new object too."""
        value = self.objects[number]
        kind = type(value)
        if kind is float:
            return ["nan"]
        twin = layouts.container(kind)
        if twin is not None:
            items = synced[number] = twin.items(value)
            return [twin.name, self._trees(twin.header(value)), self._trees(items)]
        memory = layouts.memory_parts(value) if kind is memoryview else None
        if memory is not None:
            return ["memory", self._trees(memory)]
        if self._crosses_by_state(kind):
            items = synced[number] = layouts.items_of(value)
            return ["obj", self.tree(kind), self._trees(items)]
        if isinstance(value, BaseException):
            state = [[name, self.tree(part)] for name, part in layouts.error_state(value).items()]
            arguments = self._trees(layouts.error_arguments(value))
            chain = self._trees(layouts.error_chain(value, self.drops))
            items = synced[number] = layouts.items_of(value)
            return ["exc", self.tree(kind), arguments, chain, state, self._trees(items)]
        if isinstance(value, type):
            is_stand_in = twins.has_plain_hash(value) and self._stand_in_of.get(value) == number
            return ["stand_in" if is_stand_in else "class", *describing.describe(value, self)]
        base = twins.native_base(kind, twins.COMPARED)
        if base is None:
            return ["own", self._class_tree(kind)]
        if base[0] in twins.CONTAINER_OF:
            items = synced[number] = layouts.items_of(value)
            return ["sub", self.tree(kind), self._trees(items)]
        return ["sub", self.tree(kind), self.tree(base[1](value))]

    def _crosses_by_state(self, kind: type) -> bool:
        if self.setup.get(kind.__name__) is kind or (twins.has_plain_hash(kind) and kind in self.shared):
            return layouts.has_plain_layout(kind)
        if twins.has_plain_hash(kind) and layouts.is_record(kind):
            self.shared.add(kind)
            return True
        return False

    def _object(self, number: int) -> Any:
        entry = self._incoming.pop(number, None)
        if number in self.objects:
            self.made_with.pop(id(self.objects[number]), None)  # it is the other side's answer now
            return self.objects[number]
        if entry is None or type(number) is not int or number % 2 == self._next % 2:
            raise ValueError("a number that nobody gave")
        kind, *parts = entry[1:]
        made: Any
        if kind in ("class", "stand_in"):
            mirrors.make_class(parts, self, lambda made: self.hold(number, made), kind == "stand_in")
            return self.objects[number]
        if kind == "nan":
            made, is_synced = float("nan"), False
        elif kind == "memory":
            made, is_synced = layouts.make_memory(*[self.value(part) for part in parts[0]]), False
        elif kind in ("own", "exc", "sub", "obj"):
            mirror = self.value(parts[0])
            made = mirrors.make_object(kind, mirror, parts[1:], self)
            is_synced = kind in ("obj", "exc") or (kind == "sub" and isinstance(made, (list, dict, set)))
        else:
            if kind == "ndarray":
                self._need_numpy()
            made = twins.CONTAINER_NAMED[kind].make(*[self.value(part) for part in parts[0]])
            is_synced = True
            if kind == "bytearray":  # before a view of it is made
                made[:] = self.value(parts[1][0])
        self.hold(number, made)
        if is_synced:
            self.known[number] = []
        return made

    def _fill(self, value: Any, items: list[Any]) -> None:
        try:
            layouts.fill(value, items)
        except BufferError:  # over there no view of it is left
            for view in self.objects.values():
                if type(view) is memoryview and layouts.is_view_of(view, value):
                    view.release()
            layouts.fill(value, items)

    def _need_numpy(self) -> None:
        importlib.import_module("numpy")
        twins.know_numpy()
