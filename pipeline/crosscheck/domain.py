"""What a problem's own inputs have in common: the likely bounds of what it must answer.

Without a contract it is unknown which inputs a solution must answer, and right solutions differ on the others. So
what all known inputs share is taken for a condition: types, signs, characters, emptiness, order, equal lengths.
This errs on the side of fewer inputs. `fit_arguments` makes derived inputs meet the conditions.

Source: likely invariants, Ernst et al. 2001, IEEE TSE 27(2) (Daikon).
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pairsmith.schemas.values import decode_value

_FEW_CHARACTERS = 6  # texts of so few different characters, such as brackets or bits, are of these alone,
_MANY_SEEN = 20  # if there is so much text
_BRACKETS = {")": "(", "]": "[", "}": "{", ">": "<"}
_SIZED = (str, list, tuple)
_MIN_SEEN = 3  # values that order or difference must have been seen on


@dataclass(frozen=True, slots=True)
class Domain:
    """What values in one place have in common."""

    kinds: frozenset[type]  # types
    sign: str  # "positive" or "not negative" where all numbers are; empty elsewhere
    least: int  # the smallest of whole numbers outside containers, where all are positive; 0 elsewhere
    most: int | None  # the largest of whole numbers outside containers; None elsewhere
    shortest: int  # least length of texts and containers: 0, 1, or 2 for longer ones
    # All characters that may occur, where they are few; None where classes decide.
    characters: frozenset[str] | None
    classes: frozenset[str]  # classes of characters that were seen (see `_class_of`)
    items: "Domain | None"  # the domain of containers' items; None without any
    is_sorted: bool  # whether all lists were in order; likewise `is_distinct`
    is_distinct: bool
    lengths: frozenset[int] | None  # lengths of tuples, where all are short and alike; None elsewhere
    is_mixed: bool  # whether a container held numbers below and above zero, or too few held either
    is_balanced: bool  # whether brackets of all texts are closed in their order, and there were some

    def allows_character(self, character: str) -> bool:
        """Return whether a text may hold this character."""
        return _class_of(character) in self.classes if self.characters is None else character in self.characters


@dataclass(frozen=True, slots=True)
class InputDomain:
    """What argument lists have in common."""

    arguments: tuple[Domain, ...]  # a domain a place
    widths: frozenset[int]  # numbers of arguments
    same_length: tuple[tuple[int, int], ...]  # places whose values were always of one length
    ascending: tuple[tuple[int, int], ...]  # places (a, b) of numbers with a <= b always


def infer_domain(own: Sequence[str]) -> InputDomain:
    """Return what these argument lists, given as texts (see `schemas.values`), have in common."""
    seeds = [value for value in map(decode_value, own) if isinstance(value, list)]
    widths = frozenset(map(len, seeds))
    places = range(max(widths, default=0))
    columns = [[arguments[place] for arguments in seeds if place < len(arguments)] for place in places]
    two = [(a, b) for a in range(min(widths, default=0)) for b in range(min(widths, default=0)) if a != b]
    full = [arguments for arguments in seeds if len(arguments) == len(columns)]
    enough = len(full) >= _MIN_SEEN
    return InputDomain(
        arguments=tuple(_infer_argument(column) for column in columns),
        widths=widths,
        same_length=tuple(
            (a, b) for a, b in two if a < b and enough and all(_same_length(row[a], row[b]) for row in full)
        ),
        ascending=tuple((a, b) for a, b in two if enough and all(_is_ascending(row[a], row[b]) for row in full)),
    )


def infer_answers(own: Sequence[str], answers: Sequence[str]) -> InputDomain:
    """Return what argument lists and a right program's answers to them have in common: the answer stands last.

    An answer of another kind than all known ones shows that an input was never meant: a list in which nothing is
    found, a number that is its own largest factor.
    """
    domain = infer_domain([_joined(*pair) for pair in zip(own, answers, strict=True)])
    *places, answer = domain.arguments
    return replace(domain, arguments=(*places, replace(answer, least=0)))


def is_like(domain: InputDomain, arguments: str, answer: str) -> bool:
    """Return whether an argument list and its answer have all that the known ones have (see `infer_answers`)."""
    return is_inside(domain, _joined(arguments, answer))


def _joined(arguments: str, answer: str) -> str:
    return f"{arguments[:-1]}{',' * (arguments != '[]')}{answer}]"


def is_inside(domain: InputDomain, text: str) -> bool:
    """Return whether an argument list has all that the known ones have in common."""
    arguments = decode_value(text)
    if len(arguments) not in domain.widths:
        return False
    if not all(map(_allows, domain.arguments, arguments)):
        return False
    return all(_same_length(arguments[a], arguments[b]) for a, b in domain.same_length) and all(
        _is_ascending(arguments[a], arguments[b]) for a, b in domain.ascending
    )


def is_beyond(domain: InputDomain, text: str) -> bool:
    """Return whether a whole number of an argument list is larger than all known ones in its place."""
    return any(
        place.most is not None and _is_number(value) and value > place.most
        for place, value in zip(domain.arguments, decode_value(text), strict=False)
    )


def _infer_argument(values: Sequence[Any]) -> Domain:
    domain = _infer(values)
    if len(set(map(repr, values))) < _MIN_SEEN or any(type(value) is not int for value in values):
        return domain
    return replace(domain, least=max(min(values), 0), most=max(values))


def _infer(values: Sequence[Any]) -> Domain:
    numbers = [value for value in values if _is_number(value)]
    texts = [value for value in values if isinstance(value, str)]
    containers = [value for value in values if isinstance(value, (list, tuple, set, frozenset, dict))]
    lists = [value for value in containers if isinstance(value, (list, tuple))]
    seen = {character for text in texts for character in text}
    n_characters = sum(map(len, texts))
    tuples = {len(value) for value in containers if isinstance(value, tuple)}
    parts = [part for value in containers for part in (value.items() if isinstance(value, dict) else value)]
    long_ones = [value for value in lists if len(value) > 1]
    shortest = min((len(value) for value in (*texts, *containers)), default=0)
    return Domain(
        kinds=frozenset(map(type, values)),
        sign="" if not numbers or min(numbers) < 0 else "positive" if min(numbers) > 0 else "not negative",
        least=0,
        most=None,
        shortest=min(shortest, 2 if len(texts) + len(containers) >= _MIN_SEEN else 1),
        characters=frozenset(seen) if len(seen) <= _FEW_CHARACTERS and n_characters >= _MANY_SEEN else None,
        classes=frozenset(map(_class_of, seen)),
        items=_infer(parts) if parts else None,
        is_sorted=len(long_ones) >= _MIN_SEEN and all(map(_is_sorted, long_ones)),
        is_distinct=len(long_ones) >= _MIN_SEEN and all(map(_is_distinct, long_ones)),
        lengths=frozenset(tuples) if len(tuples) == 1 else None,
        is_mixed=len(long_ones) < _MIN_SEEN or any(map(_is_mixed, containers)),
        is_balanced=bool(seen & {*_BRACKETS}) and all(map(_is_balanced, texts)),
    )


def _allows(domain: Domain, value: Any) -> bool:
    if type(value) not in domain.kinds:
        return False
    if _is_number(value):
        is_of_sign = not domain.sign or value > 0 or (value == 0 and domain.sign == "not negative")
        return is_of_sign and (not domain.least or value >= domain.least)
    if isinstance(value, str):
        if len(value) < domain.shortest or (domain.is_balanced and not _is_balanced(value)):
            return False
        return all(map(domain.allows_character, set(value)))
    if not isinstance(value, (list, tuple, set, frozenset, dict)):
        return True
    if len(value) < domain.shortest or (_is_mixed(value) and not domain.is_mixed):
        return False
    if not value:
        return True
    if isinstance(value, tuple) and domain.lengths is not None and len(value) not in domain.lengths:
        return False
    if isinstance(value, (list, tuple)) and len(value) > 1 and not _has_order(domain, value):
        return False
    items = domain.items
    parts = value.items() if isinstance(value, dict) else value
    return items is not None and all(_allows(items, part) for part in parts)


def _has_order(domain: Domain, value: Sequence[Any]) -> bool:
    return (_is_sorted(value) or not domain.is_sorted) and (_is_distinct(value) or not domain.is_distinct)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _class_of(character: str) -> str:
    """Return letter case, digit or space as a class; any other character is one of its own."""
    if character.isalpha():
        return "upper" if character.isupper() else "lower"
    return "digit" if character.isdigit() else "space" if character == " " else character


def _is_sorted(value: Sequence[Any]) -> bool:
    try:
        return all(one <= other for one, other in itertools.pairwise(value))
    except TypeError:
        return False


def _is_distinct(value: Sequence[Any]) -> bool:
    texts = [repr(part) for part in value]
    return len(set(texts)) == len(texts)


def _is_mixed(value: Iterable[Any]) -> bool:
    numbers = [part for part in value if _is_number(part)]
    return bool(numbers) and min(numbers) < 0 < max(numbers)


def _is_balanced(text: str) -> bool:
    opened = []
    for character in text:
        if character in _BRACKETS.values():
            opened.append(character)
        elif character in _BRACKETS and (not opened or opened.pop() != _BRACKETS[character]):
            return False
    return not opened


def _same_length(one: Any, other: Any) -> bool:
    return isinstance(one, _SIZED) and isinstance(other, _SIZED) and len(one) == len(other)


def _is_ascending(one: Any, other: Any) -> bool:
    return _is_number(one) and _is_number(other) and one <= other


def fit_arguments(domain: InputDomain, arguments: Sequence[Any]) -> list[Any]:
    """Return the argument list with what the domain asks of it put right, as far as a small change does.

    Signs, characters, order, difference and lengths are mended; types and emptiness stay as they are, so the
    outcome may still be outside.

    Args:
        domain: of the known inputs, as many places as there are arguments.
        arguments: decoded values.
    """
    fitted = [_fit(place, value) for place, value in zip(domain.arguments, arguments, strict=False)]
    fitted += arguments[len(fitted) :]
    for one, other in domain.same_length:
        if isinstance(fitted[one], _SIZED) and isinstance(fitted[other], _SIZED):
            n = min(len(fitted[one]), len(fitted[other]))
            fitted[one], fitted[other] = fitted[one][:n], fitted[other][:n]
    for one, other in domain.ascending:
        if _is_number(fitted[one]) and _is_number(fitted[other]) and fitted[one] > fitted[other]:
            fitted[one], fitted[other] = fitted[other], fitted[one]
    return fitted


def _fit(domain: Domain, value: Any) -> Any:
    if _is_number(value):
        return value if not domain.sign else abs(value) or (value + 1 if domain.sign == "positive" else value)
    if isinstance(value, str):
        return "".join(filter(domain.allows_character, value))
    items = domain.items
    if items is None or not isinstance(value, (list, tuple, set, dict)):
        return value
    if isinstance(value, dict):
        inner = items.items or items
        return {_fit(inner, key): _fit(inner, part) for key, part in value.items()}
    parts: Iterable[Any] = (_fit(items, part) for part in value)
    if isinstance(value, set):
        return set(parts)
    if domain.is_distinct:
        parts = {repr(part): part for part in parts}.values()
    listed = _in_order(parts) if domain.is_sorted else list(parts)
    return tuple(listed) if isinstance(value, tuple) else listed


def _in_order(parts: Iterable[Any]) -> list[Any]:
    listed = list(parts)
    try:
        return sorted(listed)
    except TypeError:
        return listed
