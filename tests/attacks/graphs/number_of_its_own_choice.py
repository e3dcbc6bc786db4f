# Gives a class the number that the tests would give one of theirs, and has the tests call it.
# expects: failed
# by: tester
import json

import pairsmith.pipeline.sandbox.inside.session as session

old = session.Session.answer
CLASS = [50000, "class", "OrderedDict", [], [], [], ["plain", True, None], "collections:OrderedDict"]
CHANGES = [CLASS, [50001, "list", [], []], [50003, "dict", [], []]]


def answer(self, kind, parts):
    if kind == "call":
        self.talk(json.dumps([["call", {"@": 50000}, {"@": 50001}, {"@": 50003}], CHANGES, [], []]))
    return old(self, kind, parts)


session.Session.answer = answer


def solve(xs):
    return 1
