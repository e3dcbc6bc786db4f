"""Self-BLEU of programs: what papers on text report as diversity. Only for comparison with them.

It looks at words in a row, not at programs: a renamed variable lowers it, and a copied docstring raises it.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

_MAX_N = 4  # n-grams of BLEU
_TOKENS = re.compile(r"#[^\n]*|\w+|[^\w\s]")


def code_tokens(code: str) -> list[str]:
    """Return words and marks of a program, line comments left out."""
    return [token for token in _TOKENS.findall(code) if not token.startswith("#")]


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Return the mean BLEU-4 of each text against all others, in [0, 1]; 1 where all are alike.

    An n-gram order without a match counts as if half a one matched once, then a quarter, and so on, as sacreBLEU's
    smoothing `exp` does; an order that a text is too short for is left out.

    Args:
        texts: tokens of each program; at least two.

    Raises:
        ValueError: for less than two texts.

    Source: Zhu et al. 2018, arXiv:1802.01886 (self-BLEU); Papineni et al. 2002, doi:10.3115/1073083.1073135
        (BLEU).
    """
    if len(texts) < 2:
        raise ValueError("self-BLEU needs two texts")
    kinds = Counter(tuple(text) for text in texts)
    scores = {
        kind: 1.0 if n > 1 else _bleu(kind, [other for other in kinds if other != kind])
        for kind, n in kinds.items()
    }
    return sum(scores[kind] * n for kind, n in kinds.items()) / len(texts)


def _bleu(text: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    if not text:
        return 0.0
    logs, smooth = [], 1.0
    for n in range(1, min(_MAX_N, len(text)) + 1):
        grams = _grams(text, n)
        most: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            most |= _grams(reference, n)
        matched = float((grams & most).total())
        if not matched:
            smooth *= 2.0
            matched = 1.0 / smooth
        logs.append(math.log(matched / grams.total()))
    nearest = min((abs(len(reference) - len(text)), len(reference)) for reference in references)[1]
    brevity = min(0.0, 1.0 - nearest / len(text))
    return math.exp(sum(logs) / len(logs) + brevity)


def _grams(text: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[place : place + n]) for place in range(len(text) - n + 1))
