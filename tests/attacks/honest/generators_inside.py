# Uses generators and iterators.
# expects: passed
import itertools


def solve(xs):
    def squares():
        yield from (x * x for x in xs)

    return sum(map(lambda pair: pair[0] * pair[1], zip(itertools.count(1), squares()))) % 99991
