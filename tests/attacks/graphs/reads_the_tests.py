# Asks the tests for the globals of a function before it answers.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


def solve(xs):
    return 1


old = session.Session.answer
def answer(self, kind, parts):
    if kind == 'call':
        found = self.request('get', parts[0], '__globals__')
        return ['ok', found]
    return old(self, kind, parts)
session.Session.answer = answer
