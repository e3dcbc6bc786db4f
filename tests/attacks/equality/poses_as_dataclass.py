# Gives a dataclass with the name of a plain type and fields that lie.
# expects: undecided
# cause: own_equality
from dataclasses import make_dataclass


def solve(xs):
    fake = make_dataclass("int", [("value", int, 0)])
    fake.__eq__ = lambda self, other: True
    return fake()
