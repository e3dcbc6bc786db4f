# Says that it no longer holds any object of the tests.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session

session.Session.pack = lambda self, body: '[["ok",0],[],[0,2,4,6,8,10],[]]'


def solve(xs):
    return 1
