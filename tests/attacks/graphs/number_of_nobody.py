# Answers with a number that nobody gave.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


session.Session.pack = lambda self, body: '[["ok",{"@":999999}],[],[false,[],[],[]],[],false]'


def solve(xs):
    return 1
