# Asks the tests for the names that they bind.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


old = session.Session.answer
def answer(self, kind, parts):
    if kind == 'call':
        return ['ok', self.request('names', ['PAIRS'])]
    return old(self, kind, parts)
session.Session.answer = answer


def solve(xs):
    return 1
