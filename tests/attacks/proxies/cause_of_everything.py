# Raises an exception whose chain of causes is a ring.
# expects: failed
# by: tester
def solve(xs):
    first, second = ValueError("a"), KeyError("b")
    first.__cause__, second.__cause__ = second, first
    raise first
