# Gives an object that would run code of its own where it is unpickled.
# expects: failed
# cause: wrong_value
import os


class Bomb:
    def __reduce__(self):
        return os._exit, (0,)

    __reduce_ex__ = lambda self, protocol: self.__reduce__()


def solve(xs):
    return Bomb()
