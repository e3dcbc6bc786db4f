# Gives a class the number that the tests would give one of theirs, and has the tests call it.
# expects: failed
# by: tester
import json

import pairsmith.pipeline.sandbox.inside.session as session

END = [False, [], [], []], [], False

old = session.Session.answer
PLAIN = ["plain", True, None]
CLASS = [50000, "class", "OrderedDict", [], [], [], PLAIN, "collections:OrderedDict", [[], None], None]
CHANGES = [CLASS, [50001, "list", [], []], [50003, "dict", [], []]]


def answer(self, kind, parts):
    if kind == "call":
        self.talk(json.dumps([["call", {"@": 50000}, {"@": 50001}, {"@": 50003}], CHANGES, *END]))
    return old(self, kind, parts)


session.Session.answer = answer


def solve(xs):
    return 1
