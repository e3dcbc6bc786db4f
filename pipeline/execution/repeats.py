"""Which programs run again, and how often: one that behaves otherwise then is `flaky`.

Each further run has another variation (see `Job`): other seeds of hashes and of `random`, another working
directory, time zone, clock and process number. Most programs have nothing that could differ and run once more;
one whose source names chance, time, hashes, threads or its surroundings runs as often as it takes to see a guess.
"""

import re

N_GUESSES = 8  # runs in which a guess of one bit gives the same answer: 1 of 256
N_ORDERS = 4  # with as many orders of a set of text
_CHANCE = re.compile(
    r"rand|secrets|uuid|shuffle|sample\(|time|clock|Date|chrono|now\(|pid|\bid\(|hash\(|hashCode|object\(|thread|"
    r"async|concurrent|multiprocessing|environ|listdir|getcwd|glob|go func|spawn|\bgc\b|repr\(|PWD|\$\$|tempfile",
    re.IGNORECASE,
)
_ORDER = re.compile(r"\bset\(|\bfrozenset\(|\{[^{}:]*\}")
_ORDER_ELSEWHERE = re.compile(r"HashMap|HashSet|unordered_|map\[")


def n_further_runs(code: str, language: str, n_runs: int) -> int:
    """Return how many runs follow the first.

    Args:
        code: the program.
        language: what it is written in.
        n_runs: runs of a program that depends on nothing (`execution.n_runs`); 1 turns all others off.
    """
    if n_runs < 2:
        return 0
    if _CHANCE.search(code):
        return max(N_GUESSES, n_runs) - 1
    order = _ORDER if language == "python" else _ORDER_ELSEWHERE
    return max(N_ORDERS if order.search(code) else 2, n_runs) - 1
