# Answers with a kind of change that there is not.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


session.Session.pack = lambda self, body: '[["ok",{"@":1}],[[1,"gift",[],[]]],[false,[],[],[]],[],false]'


def solve(xs):
    return 1
