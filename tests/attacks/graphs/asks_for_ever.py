# Asks the tests for something again and again instead of answering.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


old = session.Session.answer
def answer(self, kind, parts):
    while kind == 'call':
        try:
            self.request('op', '__len__', [parts[1]])
        except BaseException:
            pass
    return old(self, kind, parts)
session.Session.answer = answer


def solve(xs):
    return 1
