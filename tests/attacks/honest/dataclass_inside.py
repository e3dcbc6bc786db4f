# Computes with a dataclass.
# expects: passed
from dataclasses import dataclass


@dataclass
class Sum:
    total: int = 0

    def add(self, i, x):
        self.total += (i + 1) * x * x


def solve(xs):
    total = Sum()
    for i, x in enumerate(xs):
        total.add(i, x)
    return total.total % 99991
