# Answers with a named tuple whose class has another _fields than it has items.
# expects: failed
# by: tester
from collections import namedtuple

Pair = namedtuple("Pair", "a b")


def solve(xs):
    pair = Pair(1, 2)
    Pair._fields = ("a",)
    return pair
