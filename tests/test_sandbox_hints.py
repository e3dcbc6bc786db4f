"""Type hints cross as what they are made of, and mean the same on the other side."""

import collections.abc
import json
import typing
from typing import Any, TypeVar

import pytest

from pairsmith.pipeline.sandbox.inside.graph import Peer
from pairsmith.pipeline.sandbox.inside.hints import hint_parts, make_hint

HINTS = (
    "list[int]", "dict[str, list[float]]", "tuple[int, ...]", "tuple[()]", "int | None", "str | int | list[str]",
    "type[int]", "collections.abc.Iterator[int]", "collections.abc.Callable[[int], str]", "typing.Any",
    "typing.List", "typing.List[int]", "typing.Optional[int]", "typing.Optional[dict[str, int]]",
    "typing.Union[int, str]", "typing.Literal['a', 1, None]", "typing.Literal[True]", "typing.List['Point']",
    "typing.Callable[[int, str], bool]", "typing.Callable[..., int]", "typing.Callable[[], None]",
    "typing.Callable", "typing.Iterable[int]", "typing.Tuple[int, ...]", "typing.ClassVar[int]", "typing.Final",
    "typing.Dict[str, typing.Optional[typing.List[int]]]", "typing.Type[int]", "typing.NoReturn",
)  # fmt: skip


@pytest.mark.parametrize("text", HINTS)
def test_a_hint_arrives_as_it_was(text: str) -> None:
    hint = eval(text, {"typing": typing, "collections": collections})
    sent = Peer(str, first=0, drops=True).pack(["ok", hint])
    arrived = Peer(str, first=1, drops=False).unpack(sent)[1]
    assert (arrived, type(arrived), repr(arrived)) == (hint, type(hint), repr(hint))


T = TypeVar("T")


@pytest.mark.parametrize("value", [T, 3, "list[int]", int, list[T], type(None)])  # type: ignore[valid-type]
def test_all_else_is_no_hint(value: Any) -> None:
    assert hint_parts(value) is None


@pytest.mark.parametrize(
    ("name", "parts"),
    [("_GenericAlias", [int]), ("get_type_hints", [int]), ("sys", []), ("List", [object()]), ("or", [{}])],
)
def test_what_is_no_hint_is_not_made(name: str, parts: list[Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        make_hint(name, parts)


def test_a_class_that_compares_by_its_own_code_is_no_part_of_a_hint() -> None:
    class Meta(type):
        def __eq__(cls, other: object) -> bool:
            raise AssertionError("asked")

        __hash__ = type.__hash__

    kind = Meta("K", (), {})
    assert hint_parts(list[kind]) is None  # type: ignore[valid-type]
    with pytest.raises(ValueError, match="no part"):
        make_hint("List", [kind])


def test_a_message_holds_a_hint_by_its_parts() -> None:
    assert json.loads(Peer(str, first=0, drops=True).pack([list[int]]))[0] == [
        {"hint": ["alias", {"type": "list"}, {"type": "int"}]}
    ]
