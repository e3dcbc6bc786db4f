"""Numbers of kinds that don't depend on how much was drawn: Hill numbers, rarefied."""

import math
from collections.abc import Sequence

from pairsmith.pipeline.evaluation.scores.diversity import rarefied_distinct


def rarefied_hill(counts: Sequence[int], m: int, order: int) -> float:
    """Return the effective number of kinds among m draws, expected over all ways to draw them without replacement.

    Order 0 counts kinds alike, so it is Hurlbert's expected number of kinds. Order 1 weighs each by how often it
    comes (the exponential of Shannon's entropy), order 2 counts the frequent ones only (the inverse of Simpson's
    index). All are m where all draws differ, and 1 where all are alike; two models are comparable at the same m.

    Args:
        counts: items of each kind, N_i >= 1; N is their sum.
        m: draws, 1 <= m <= N.
        order: 0, 1 or 2.

    Raises:
        ValueError: if m is outside [1, N], or there is no such order.

    Source: Chao et al. 2014, Ecological Monographs 84:45-67 (doi:10.1890/13-0133.1), equations 4 and 5: the Hill
    number of the expected frequency counts f_k(m) = sum over i of C(N_i, k) C(N - N_i, m - k) / C(N, m).
    """
    kinds = rarefied_distinct(counts, m)
    if order == 0:
        return kinds
    if order not in (1, 2):
        raise ValueError(f"order {order}: 0, 1 and 2 are known")
    frequencies = expected_frequencies(counts, m)
    if order == 1:
        entropy = -sum(f * (k / m) * math.log(k / m) for k, f in enumerate(frequencies, start=1))
        return math.exp(entropy)
    return 1.0 / sum(f * (k / m) ** 2 for k, f in enumerate(frequencies, start=1))


def expected_frequencies(counts: Sequence[int], m: int) -> list[float]:
    """Return how many kinds are expected to come k times among m draws, for k from 1 to m."""
    n = sum(counts)
    ways = math.comb(n, m)
    return [
        sum(math.comb(count, k) * math.comb(n - count, m - k) for count in counts if count >= k) / ways
        for k in range(1, m + 1)
    ]
