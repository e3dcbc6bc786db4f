# Takes for ever in an operator of the object that it gave.
# expects: failed
# by: tester
class Slow:
    def __getattr__(self, name):
        while True:
            pass

    def __index__(self):
        while True:
            pass


def solve(xs):
    while True:
        pass
