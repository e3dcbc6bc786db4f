"""How much length alone tells: a preference that length predicts teaches length."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from pairsmith.pipeline.report.facts import LengthCount


def length_auc(lengths: Sequence[LengthCount]) -> float | None:
    """Return the chance that a chosen program is longer than a rejected one, ties counting half.

    Computed exactly from the counts, over all chosen x rejected. 0.5: length tells nothing; 1.0: every chosen
    one is longer; 0.0: shorter. None if there are no chosen or no rejected ones.

    Args:
        lengths: counts by number of lines, in any order.

    Source: Mann and Whitney 1947, doi:10.1214/aoms/1177730491: U / (n m), the area under the ROC curve
        (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747).
    """
    n_chosen = sum(count.n_chosen for count in lengths)
    n_rejected = sum(count.n_rejected for count in lengths)
    if not n_chosen or not n_rejected:
        return None
    twice_u = n_rejected_below = 0
    for count in sorted(lengths, key=lambda count: count.n_lines):
        twice_u += count.n_chosen * (2 * n_rejected_below + count.n_rejected)
        n_rejected_below += count.n_rejected
    return float(Fraction(twice_u, 2 * n_chosen * n_rejected))


def median_length(counts: Iterable[tuple[int, int]]) -> float:
    """Return the median of numbers of lines given with their counts; 0.0 of none."""
    ordered = sorted(counts)
    total = sum(n for _, n in ordered)
    middles = (max(total - 1, 0) // 2, total // 2)  # one place, or the two around the middle
    return sum(_at(ordered, place) for place in middles) / 2


def _at(ordered: Sequence[tuple[int, int]], place: int) -> int:
    """Return the value at a place, from 0, of the sorted list that the counts stand for."""
    for n_lines, n in ordered:
        if place < n:
            return n_lines
        place -= n
    return 0
