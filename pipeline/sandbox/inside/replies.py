"""What each side does when the other one asks: one function a kind of request (`session`)."""

from __future__ import annotations

import inspect
import types
import warnings
from time import perf_counter, sleep
from typing import Any

from pairsmith.pipeline.sandbox.inside.asking import answer_about
from pairsmith.pipeline.sandbox.inside.coroutines import Coroutines, Crew
from pairsmith.pipeline.sandbox.inside.graph import Peer
from pairsmith.pipeline.sandbox.inside.guarding import Attributes
from pairsmith.pipeline.sandbox.inside.metas import derived
from pairsmith.pipeline.sandbox.inside.remote import COPIES, OPERATORS, PICKLES
from pairsmith.pipeline.sandbox.inside.surroundings import log

_BATCH_S = 0.01
IDLE_S = 0.001


class Replies(Peer):
    """The requests that a side answers."""

    is_test: bool
    guard: Any
    around: Any
    namespace: dict[str, Any]
    methods: dict[str, Any]
    sources: dict[str, str]
    _crew: Crew
    _coroutines: Coroutines
    _patched: dict[tuple[int, str], tuple[Any, Any]]

    def answer(self, kind: str, parts: list[Any]) -> list[Any]:
        """Return the reply to a request."""
        raise NotImplementedError

    def overlap(self, by_time: bool, is_ours: bool) -> None:
        """Note whether several coroutines of one side run at once, which wait for time to pass."""
        raise NotImplementedError

    def _do_begin(self, name: Any, is_alone: bool, kind: str, *parts: Any) -> tuple[int, Any]:
        return self._crew.begin(name, is_alone, lambda: tuple(self.answer(kind, list(parts))))

    def _do_end(self, number: int) -> Any:
        return self._crew.end(number)

    def _do_idle(self) -> None:
        sleep(IDLE_S)

    def _do_collect(self) -> None:
        self.lives.collect()

    def _do_names(self, names: list[str]) -> dict[str, Any]:
        bound = {**self.methods, **self.namespace}
        return {name: bound[name] for name in names if name in bound}

    def _do_public(self) -> list[list[str]]:
        if "__all__" in self.namespace:
            return [[str(name) for name in self.namespace["__all__"]], []]
        names = [name for name in self.namespace if not name.startswith("_")]
        own = [name for name in names if _is_own(self.namespace[name])]
        return [[*self.methods, *own], [name for name in names if name not in own]]

    def _do_call(self, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        return function(*arguments, **options)

    def _do_method(self, owner: Any, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        return getattr(owner, name)(*arguments, **options)

    def _do_op(self, name: str, operands: list[Any]) -> Any:
        return {**OPERATORS, **COPIES, **({} if self.is_test else PICKLES)}[name](*operands)

    def _do_get(self, owner: Any, name: str) -> Any:
        if self.is_test and name == "__dict__":
            return Attributes(owner, self.guard.theirs)
        return getattr(owner, name)

    def _do_set(self, owner: Any, name: str, value: Any) -> None:
        setattr(owner, name, value)

    def _do_delete(self, owner: Any, name: str) -> None:
        delattr(owner, name)

    def _do_signature(self, function: Any, follows: bool) -> list[Any]:
        found = inspect.signature(function, follow_wrapped=follows is True)
        flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
        result = found.return_annotation
        return [flags, result is not found.empty, result] + [
            [name, int(one.kind), one.default is not one.empty, one.default, one.annotation is not one.empty,
             one.annotation]
            for name, one in found.parameters.items()
        ]  # fmt: skip

    def _do_about(self, name: str, value: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        return answer_about(name, value, arguments, options, self.sources)

    def _do_derive(self, name: str, bases: list[type], body: list[list[Any]], options: dict[str, Any]) -> type:
        return derived(name, bases, body, options)

    def _do_super(self, owner: type, value: Any, name: str) -> Any:
        return getattr(super(owner, value), name)

    def _do_patch(self, owner: Any, name: str, value: Any) -> None:
        if name in self._names_of(owner):
            self._patched.setdefault((id(owner), name), (owner, self._names_of(owner)[name]))
        self._write(owner, name, value)

    def _do_restore(self, owner: Any, name: str) -> None:
        if (id(owner), name) in self._patched:
            self._write(owner, name, self._patched[id(owner), name][1])
        elif owner is None:
            del self.namespace[name]
        else:
            delattr(owner, name)

    def _names_of(self, owner: Any) -> Any:
        return self.namespace if owner is None else vars(owner)

    def _write(self, owner: Any, name: str, value: Any) -> None:
        if owner is None:
            self.namespace[name] = value
        else:
            setattr(owner, name, value)

    def _do_warned(self, warning: Warning) -> None:
        warnings.warn_explicit(warning, type(warning), "solution.py", 1, "solution")

    def _do_logged(self, plain: list[Any], error: Any, has_own_level: bool) -> None:
        log(plain, error, has_own_level)

    def _do_around(self, what: str, value: Any) -> None:
        self.around.around(what, value)

    def _do_files(self) -> Any:
        return self.around.changed()

    def _do_await(self, coroutine: Any) -> Any:
        return self._coroutines.started(coroutine).result()

    def _do_start(self, coroutine: Any) -> list[Any]:
        return self._coroutines.start(coroutine)

    def _do_poll(self, number: int, is_last: bool) -> list[Any]:
        self.overlap(self._coroutines.by_time, is_ours=True)
        return self._coroutines.poll(number, is_last)

    def _do_cancel(self, number: int) -> None:
        self._coroutines.running[number].cancel()

    def _do_next(self, iterator: Any, count: int) -> tuple[list[Any], Any]:
        items: list[Any] = []
        deadline = perf_counter() + _BATCH_S
        try:
            while len(items) < count and (not items or perf_counter() < deadline):
                items.append(next(iterator))
        except BaseException as error:
            return items, error
        return items, None


def _is_own(value: Any) -> bool:
    """Return whether a value of a solution's namespace is its own, and not what it imported."""
    is_module = isinstance(value, types.ModuleType)
    return not is_module and getattr(value, "__module__", None) in (None, "solution")
