# Answers with a Decimal of a thousand million digits.
# expects: failed
# by: tester
from decimal import Decimal


def solve(xs):
    return Decimal('1E+999999999')
