# Answers with a Decimal that raises in every comparison.
# expects: failed
# by: tester
from decimal import Decimal


def solve(xs):
    return Decimal('sNaN')
