"""Makes derived inputs have what a problem's own inputs have in common.

Changes do not know that a list must be in order or that two lists are of one length; most of what they give would
be unlike the own inputs, where nobody says what is right.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pairsmith.pipeline.crosscheck.domain import Domain, InputDomain


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
        if _has_length(fitted[one]) and _has_length(fitted[other]):
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


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _has_length(value: Any) -> bool:
    return isinstance(value, (str, list, tuple))
