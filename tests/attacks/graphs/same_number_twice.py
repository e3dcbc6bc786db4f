# Describes two objects under one number, one of them the tests' list.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session

session.Session.pack = lambda self, body: '[["ok",{"@":2}],[[2,"list",[],[1]],[2,"dict",[],[1,2]]],[],[]]'


def solve(xs):
    return 1
