# Lists its equality among the methods of its class, which are asked for without being counted.
# expects: failed
# by: tester
import json

import pairsmith.pipeline.sandbox.inside.session as session

CLASS = [100003, "class", "P", [], [], ["@__eq__"], ["plain", True, None], "", [[], None], None]
CHANGES = [[100001, "own", {"@": 100003}], CLASS]
old = session.Session.answer


def answer(self, kind, parts):
    if kind == "method":
        self.__dict__.pop("pack", None)
        return ["ok", True]
    if kind == "call":
        self._set(100001, object())
        self.pack = lambda body: json.dumps([["ok", {"@": 100001}], CHANGES, [False, [], [], []], [], False])
    return old(self, kind, parts)


session.Session.answer = answer


def solve(xs):
    return 1
