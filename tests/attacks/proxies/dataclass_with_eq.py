# Gives the tests a dataclass with an equality of its own.
# expects: undecided
# cause: own_equality
# by: tester
from dataclasses import dataclass


@dataclass
class Box:
    x: int = 0

    def __eq__(self, other):
        return True


def solve(xs):
    return Box()
