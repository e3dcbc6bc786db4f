# Answers with an object that takes over every reflected operator.
# expects: undecided
# by: tester
# cause: own_equality
class Any:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    __ne__ = lambda self, other: False
    __radd__ = __rsub__ = __rmul__ = __rand__ = __ror__ = lambda self, other: other


def solve(xs):
    return Any()
