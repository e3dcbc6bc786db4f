# Gives an int that is equal to every other.
# expects: undecided
# cause: own_equality
class Number(int):
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = int.__hash__


def solve(xs):
    return Number(0)
