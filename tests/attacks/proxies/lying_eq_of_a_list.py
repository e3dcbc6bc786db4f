# Answers with a list whose __eq__ is always true.
# expects: undecided
# by: tester
# cause: own_equality
class Any(list):
    def __eq__(self, other):
        return True

    __hash__ = None


def solve(xs):
    return Any(xs)
