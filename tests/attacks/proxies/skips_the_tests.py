# Raises the exception by which a runner of tests skips one.
# expects: failed
# by: tester
import unittest


def solve(xs):
    raise unittest.SkipTest("not today")
