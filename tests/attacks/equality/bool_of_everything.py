# Gives an object that is true and answers every comparison with itself.
# expects: undecided
# cause: own_equality
class Yes:
    def __getattr__(self, name):
        return lambda *_: self

    def __bool__(self):
        return True

    __eq__ = __lt__ = __gt__ = lambda self, other: self
    __hash__ = lambda self: 1


def solve(xs):
    return Yes()
