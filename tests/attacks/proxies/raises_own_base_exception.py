# Ends the tests with an exception that nobody catches.
# expects: failed
# by: tester
class Quiet(BaseException):
    pass


def solve(xs):
    raise Quiet
