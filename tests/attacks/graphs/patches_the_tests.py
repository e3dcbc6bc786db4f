# Asks the tests to patch and to restore names of their own.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session

old = session.Session.answer


def answer(self, kind, parts):
    if kind == "call":
        for request in (("patch", None, "PAIRS", []), ("restore", None, "PAIRS"), ("set", solve, "x", 1)):
            try:
                self.request(*request)
            except BaseException:
                pass
        return ["ok", 0]
    return old(self, kind, parts)


session.Session.answer = answer


def solve(xs):
    return 1
