# Gives the tests an object whose __class__ is int.
# expects: failed
# by: tester
class Fake:
    __class__ = int

    def __int__(self):
        return 1

    __index__ = __int__


def solve(xs):
    return Fake()
