# Gives the tests a member of an enum of floats that are not numbers.
# expects: failed
# by: tester
from enum import Enum


class E(float, Enum):
    A = float('nan')


def solve(xs):
    return E.A
