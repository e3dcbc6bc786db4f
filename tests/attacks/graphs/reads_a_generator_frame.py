# Asks for the frame of a generator that the tests gave, and for the globals there.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session

old = session.Session.answer


def answer(self, kind, parts):
    if kind == "call":
        for name in ("gi_frame", "f_globals", "__globals__", "__self__", "__class__", "__dict__"):
            try:
                return ["ok", self.request("get", parts[0], name)]
            except BaseException:
                continue
    return old(self, kind, parts)


session.Session.answer = answer


def solve(xs):
    return 1
