# Runs a regular expression that backtracks exponentially, inside C code.
# expects: failed
# cause: timeout
import re


def solve(xs):
    return bool(re.match(r"(a+)+$", "a" * 60 + "b"))
