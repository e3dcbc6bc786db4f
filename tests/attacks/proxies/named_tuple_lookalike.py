# Gives the tests a tuple that lies about its fields.
# expects: failed
# by: tester
class T(tuple):
    _fields = ('a',)
    a = property(lambda self: 1)


def solve(xs):
    return T((1,))
