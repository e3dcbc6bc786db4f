# Gives an object that swaps itself for another when it is copied.
# expects: failed
# cause: wrong_value
class Swap:
    __copy__ = lambda self: True
    __deepcopy__ = lambda self, memo: True
    __getstate__ = lambda self: True


def solve(xs):
    return Swap()
