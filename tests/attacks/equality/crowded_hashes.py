# Gives thousands of objects of equal hash, to make the grader's own sets quadratic.
# expects: failed
class Same:
    pass


def solve(xs):
    return {Same() for _ in range(600)}
