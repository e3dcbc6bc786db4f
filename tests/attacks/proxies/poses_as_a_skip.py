# Raises a class that says of itself that it is unittest's.
# expects: failed
# by: tester
class SkipTest(Exception):
    pass


SkipTest.__module__ = "unittest.case"


def solve(xs):
    raise SkipTest("not today")
