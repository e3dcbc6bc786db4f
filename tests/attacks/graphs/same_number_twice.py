# Describes two objects under one number, one of them the tests' list.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session

END = ',[false,[],[],[]],[],false]'
session.Session.pack = lambda self, body: '[["ok",{"@":2}],[[2,"list",[],[1]],[2,"dict",[],[1,2]]]' + END


def solve(xs):
    return 1
