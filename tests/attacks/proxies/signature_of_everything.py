# Answers with a function whose signature is no signature.
# expects: failed
# by: tester
class Odd:
    __signature__ = "x"

    def __call__(self):
        return 0

    def __index__(self):
        return 0


def solve(xs):
    return Odd()
