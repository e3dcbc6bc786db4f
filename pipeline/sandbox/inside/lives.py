"""When objects that two sides share die: one lives as long as either side holds it.

Usually only the tests' side looks, now and then, for what it no longer needs. Where tests or a solution can see
when an object dies (`weakref`, `gc`, `__del__`), both sides tell with each message what they let go, and what
they hold by weak references alone; and the tests' side looks before each of their instructions. So an object dies
when it does in one process. Garbage in a cycle through both sides stays: a test that collects it shows nothing.
"""

from __future__ import annotations

import gc
import re
import sys
import types
import weakref
from typing import Any

_SEEN = re.compile(r"weakref|\bgc\b|__del__|getrefcount|\bWeak[A-Z]|\bfinalize\b")
_FEW = 64  # numbers; below it nobody looks for those that are no longer held
_BASE = 3  # references to an object that only the table holds: the table's, a variable's and the call's
_MOST_STEPS = 10_000  # in search of a cycle through both sides
_ELSEWHERE = (type, types.ModuleType, types.CodeType, types.FrameType, types.BuiltinFunctionType)

_collect = gc.collect  # whatever the tests put there


class Lives:
    """Of one side.

    Attributes:
        is_exact: whether somebody can see when an object dies.
        sealed: objects that the other side has only as those of their methods.
    """

    def __init__(self, peer: Any) -> None:
        """Nothing is shared yet."""
        self._peer = peer
        self.is_exact = False
        self.sealed: set[int] = set()
        self._weak: set[int] = set()  # what the other side holds by weak references alone
        self._told: set[int] = set()  # what this side does
        self._dead: list[int] = []
        self._n_kept = 0

    def watch(self, code: str) -> None:
        """Be exact where code can see when an object dies."""
        self.is_exact = self.is_exact or _SEEN.search(code) is not None

    def changes(self) -> list[Any]:
        """Return whether it is exact, and the numbers to forget, held weakly, and held again."""
        if not self.is_exact:
            return [False, self._let_go(), [], []]
        dead, self._dead = self._dead, []
        while True:  # what is forgotten may hold others
            gone, weak, strong = self.look()
            self._forget(gone)
            dead += gone
            if not gone:
                self._told = (self._told | set(weak)) - set(strong)
                return [True, dead, weak, strong]

    def hear(self, is_exact: bool, gone: list[int], weak: list[int], strong: list[int]) -> None:
        """Do what `changes` of the other side says.

        Raises:
            ValueError: if it forgets an object of its own that is held here.
        """
        peer = self._peer
        self.is_exact = self.is_exact or is_exact
        held = peer.objects.keys() - peer.known.keys() - self._told
        if any(not peer.is_own(number) for number in held.intersection(gone)):
            raise ValueError("an object that is held")
        self._forget(gone)
        self._weak = (self._weak | {number for number in weak if number in peer.objects}) - set(strong)

    def look(self) -> tuple[list[int], list[int], list[int]]:
        """Return what `changes` would."""
        peer = self._peer
        if peer.raised is not None and sys.getrefcount(peer.raised) < _BASE:  # its traceback holds all that failed
            peer.raised = None
        gone: list[int] = []
        weak: list[int] = []
        strong: list[int] = []
        for number in list(peer.objects):
            value = peer.objects[number]
            if isinstance(value, type):
                continue
            is_whole = number in peer.known
            if peer.is_own(number) and not is_whole and number not in self._weak:
                continue  # the other side holds it
            n_more = (id(value) in peer.made_with) + (value is peer.raised)
            if sys.getrefcount(value) > _BASE + n_more:
                if number in self._told:
                    strong.append(number)
            elif number in self._weak or not weakref.getweakrefcount(value):
                gone.append(number)
            elif number not in self._told:
                weak.append(number)
        return gone, weak, strong

    def collect(self) -> None:
        """Collect garbage, also in cycles with what the other side holds by weak references alone."""
        objects, references = self._peer.objects, {}
        for number in self._weak:
            try:
                references[number] = weakref.ref(objects[number])
            except TypeError:
                continue
            self._peer.drop(number)
        _collect()
        for number, reference in references.items():
            value = reference()
            if value is None:
                self._forget([number])
                self._dead.append(number)
            else:
                self._peer.hold(number, value)

    def has_cycles(self) -> bool:
        """Return whether something that the other side holds leads back to something of the other side's."""
        peer = self._peer
        left = [
            value
            for number, value in peer.objects.items()
            if peer.is_own(number) and number not in peer.known and number not in self._weak
        ]
        seen: dict[int, Any] = {}
        while left and len(seen) < _MOST_STEPS:
            value = left.pop()
            number = peer.number_of(value)
            if number is not None and not peer.is_own(number) and number not in peer.known:
                if not isinstance(value, type):
                    return True
            elif id(value) not in seen and not isinstance(value, _ELSEWHERE):
                seen[id(value)] = value
                if type(value) is not dict or not {"__builtins__", "__build_class__"} & value.keys():
                    left += gc.get_referents(value)
        return bool(left)

    def method_tree(self, value: Any) -> Any:
        """Return the tree of a method of the tests' own: its function and its object, which shows nothing else."""
        peer, owner, function = self._peer, value.__self__, value.__func__
        number = peer.number_of(owner)
        if not self.is_exact:
            return None
        if peer.drops:
            is_plain = getattr(function, "__module__", "") in ("tests", "test_solution")
            if not is_plain or type(function) is not types.FunctionType or hasattr(type(owner), "__peer__"):
                return None
        elif not self._are_of_tests([function, owner]):
            return None
        is_sealed = number is None or number in self.sealed
        parts = [peer.tree(function), peer.tree(owner)]
        if is_sealed and peer.number_of(owner) is not None:
            self.sealed.add(peer.number_of(owner))
        return {"method": parts}

    def method(self, parts: list[Any]) -> types.MethodType:
        """Return the method of these parts.

        Raises:
            ValueError: if they are not the tests' own.
        """
        if not self._are_of_tests(parts):
            raise ValueError("no method of the tests'")
        return types.MethodType(*parts)

    def _are_of_tests(self, parts: list[Any]) -> bool:
        numbers = [self._peer.number_of(part) for part in parts]
        return all(number is not None and self._peer.is_own(number) is self._peer.drops for number in numbers)

    def _forget(self, numbers: list[int]) -> None:
        for number in numbers:
            for known in (self._weak, self._told, self.sealed):
                known.discard(number)
            value = self._peer.drop(number)
            self._peer.known.pop(number, None)
            self._peer.made_with.pop(id(value), None)
            if value is not None and value is self._peer.raised:
                self._peer.raised = None

    def _let_go(self) -> list[int]:
        """Forget what nobody here holds any more; return the numbers."""
        gone: list[int] = []
        peer = self._peer
        if not peer.drops or len(peer.objects) < 2 * self._n_kept + _FEW:
            return gone
        for number in list(peer.objects):
            value = peer.objects[number]
            is_whole = number in peer.known and not isinstance(value, BaseException)
            if peer.is_own(number) and not is_whole:
                continue  # the other side may hold its stand-in
            if sys.getrefcount(value) <= _BASE and not isinstance(value, type):
                gone.append(number)
                peer.drop(number)
                peer.known.pop(number, None)
        self._n_kept = len(peer.objects)
        return gone
