"""pass@k of one problem."""


def estimate_pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased pass@k of one problem, in [0, 1].

    Args:
        n: candidates drawn.
        c: candidates that passed, 0 <= c <= n.
        k: draws allowed, 1 <= k <= n.

    Raises:
        ValueError: if k > n, where no unbiased estimate exists, or another argument is out of its range.

    Source: Chen et al. 2021, arXiv:2107.03374, equation 1, as the product of its appendix: no binomial
    coefficient is formed, so large n neither overflows nor cancels.
    """
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} candidates: it needs 1 <= k <= n; draw more, or ask for a smaller k")
    if not 0 <= c <= n:
        raise ValueError(f"{c} of {n} candidates passed: it needs 0 <= c <= n")
    if n - c < k:
        return 1.0
    all_fail = 1.0
    for m in range(n - c + 1, n + 1):
        all_fail *= 1.0 - k / m
    return 1.0 - all_fail
