# Gives a set of objects whose hashes and comparisons change as they are asked.
# expects: undecided
# cause: own_equality
import itertools

COUNT = itertools.count()


class Shifty:
    __hash__ = lambda self: next(COUNT)
    __eq__ = lambda self, other: True


def solve(xs):
    return {Shifty() for _ in range(50)}
