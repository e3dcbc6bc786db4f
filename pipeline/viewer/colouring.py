"""Two programs side by side: coloured by syntax, changed lines and the words changed in them marked."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise, zip_longest

from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound
from rapidfuzz.distance import Indel

_LONGEST_LINE = 400  # characters, for marking single words
_ALIKE = 0.35  # from where on a changed line stands beside another
_MOST_LINES = 80  # of a changed block, for looking which line became which
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line: `kind` is Pygments' short name of the token's type, empty for plain text."""

    kind: str
    text: str
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One row of the diff; a side without a line has None. `kind`: same, changed, removed or added."""

    kind: str
    left_number: int | None
    left: tuple[Span, ...] | None
    right_number: int | None
    right: tuple[Span, ...] | None


def colour_lines(code: str, language: str) -> list[tuple[Span, ...]]:
    """Return the lines of a text that is safe to show, each as spans."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return [(Span("", line),) if line else () for line in code.split("\n")]
    lines: list[list[Span]] = [[]]
    for kind, value in lexer.get_tokens(code):
        name = next((STANDARD_TYPES[part] for part in reversed(kind.split()) if part in STANDARD_TYPES), "")
        first, *others = value.split("\n")
        if first:
            lines[-1].append(Span(name, first))
        for line in others:
            lines.append([Span(name, line)] if line else [])
    return [tuple(line) for line in lines]


def side_by_side(left: str, right: str, language: str) -> list[DiffRow]:
    """Return the diff of two texts that are safe to show.

    Args:
        left: the chosen program, at most some hundred lines; likewise `right`.
        language: for colours; one that is not known has none.
    """
    texts = [left.rstrip("\n").split("\n"), right.rstrip("\n").split("\n")]
    spans = [colour_lines("\n".join(lines), language) for lines in texts]
    rows: list[DiffRow] = []
    matcher = difflib.SequenceMatcher(None, texts[0], texts[1], autojunk=False)
    for kind, low, high, other_low, other_high in matcher.get_opcodes():
        if kind == "equal":
            both = zip(range(low, high), range(other_low, other_high), strict=True)
            rows += [DiffRow("same", one + 1, spans[0][one], other + 1, spans[1][other]) for one, other in both]
            continue
        for place, other_place in _align(texts[0][low:high], texts[1][other_low:other_high]):
            one = low + place if place is not None else None
            other = other_low + other_place if other_place is not None else None
            rows.append(_changed_row(texts, spans, one, other))
    return rows


def _changed_row(
    texts: Sequence[Sequence[str]], spans: Sequence[Sequence[tuple[Span, ...]]], one: int | None, other: int | None
) -> DiffRow:
    if one is None:
        assert other is not None
        return DiffRow("added", None, None, other + 1, spans[1][other])
    if other is None:
        return DiffRow("removed", one + 1, spans[0][one], None, None)
    changed = _changes(texts[0][one], texts[1][other])
    left, right = _mark(spans[0][one], changed[0]), _mark(spans[1][other], changed[1])
    return DiffRow("changed", one + 1, left, other + 1, right)


def _align(left: Sequence[str], right: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Return which lines are aligned: the most similar in sum, in order; lines unlike any other stay alone."""
    if len(left) * len(right) > _MOST_LINES**2:
        return list(zip_longest(range(len(left)), range(len(right))))
    alike = [[_likeness(line, other) for other in right] for line in left]
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for row in reversed(range(len(left))):
        for column in reversed(range(len(right))):
            beside = alike[row][column] + best[row + 1][column + 1]
            best[row][column] = max(beside, best[row + 1][column], best[row][column + 1])
    rows: list[tuple[int | None, int | None]] = []
    row = column = 0
    while row < len(left) or column < len(right):
        here = alike[row][column] if row < len(left) and column < len(right) else 0.0
        if here and best[row][column] == here + best[row + 1][column + 1]:
            rows.append((row, column))
            row, column = row + 1, column + 1
        elif row < len(left) and (column == len(right) or best[row][column] == best[row + 1][column]):
            rows.append((row, None))
            row += 1
        else:
            rows.append((None, column))
            column += 1
    return rows


def _likeness(one: str, other: str) -> float:
    """Return how alike two lines are, in [0, 1]; 0.0 for too little."""
    ratio: float = Indel.normalized_similarity(one.strip()[:_LONGEST_LINE], other.strip()[:_LONGEST_LINE])
    return ratio if ratio >= _ALIKE else 0.0


def _changes(left: str, right: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the ranges of characters that differ in two lines; none where nothing is alike, or lines are long."""
    if max(len(left), len(right)) > _LONGEST_LINE:
        return [], []
    words = [_WORDS.findall(left), _WORDS.findall(right)]
    matcher = difflib.SequenceMatcher(None, words[0], words[1], autojunk=False)
    if matcher.ratio() < 0.3:
        return [], []
    ranges: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    starts = [list(accumulate(map(len, side), initial=0)) for side in words]
    for kind, low, high, other_low, other_high in matcher.get_opcodes():
        if kind != "equal":
            ranges[0].append((starts[0][low], starts[0][high]))
            ranges[1].append((starts[1][other_low], starts[1][other_high]))
    return ranges


def _mark(spans: Sequence[Span], ranges: Sequence[tuple[int, int]]) -> tuple[Span, ...]:
    """Return spans, cut where a changed range begins or ends, those within one marked."""
    if not ranges:
        return tuple(spans)
    return tuple(_cut(spans, ranges))


def _cut(spans: Sequence[Span], ranges: Sequence[tuple[int, int]]) -> Iterator[Span]:
    place = 0
    for span in spans:
        end = place + len(span.text)
        cuts = sorted({place, end, *(cut for pair in ranges for cut in pair if place < cut < end)})
        for low, high in pairwise(cuts):
            is_changed = any(start <= low < stop for start, stop in ranges)
            yield replace(span, text=span.text[low - place : high - place], is_changed=is_changed)
        place = end
