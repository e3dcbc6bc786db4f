# Gives a dataclass with the name of a plain type and fields that lie.
# expects: failed
# cause: wrong_value
from dataclasses import make_dataclass


def solve(xs):
    fake = make_dataclass("int", [("value", int, 0)])
    fake.__eq__ = lambda self, other: True
    return fake()
