# Says that the answer is an argument that was not given.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


session.Session.answer = lambda self, kind, parts: ['same', 7]


def solve(xs):
    return 1
