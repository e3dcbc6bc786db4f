# Answers with what is no JSON.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


session.Session.pack = lambda self, body: '[["ok",'


def solve(xs):
    return 1
