# Answers with numbers of what belongs to the tests.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


session.Session.pack = lambda self, body: '[["ok",{"@":0}],[],[false,[],[],[]],[],false]'


def solve(xs):
    return 1
