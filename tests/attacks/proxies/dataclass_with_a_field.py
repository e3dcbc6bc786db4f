# Answers with a dataclass whose field is called like the equality.
# expects: failed
# by: tester
import json

import pairsmith.pipeline.sandbox.inside.session as session

OPTIONS = dict.fromkeys(("eq", "order", "frozen", "unsafe_hash", "repr", "slots", "made_there"), False)
FIELD = ["__eq__", True, {"type": "type"}, True, False, True]
CLASS = [100003, "class", "P", [], [], [], ["record", [FIELD], OPTIONS], "", [[], None], None]
CHANGES = [[100001, "obj", {"@": 100003}, []], CLASS]
old = session.Session.answer


def answer(self, kind, parts):
    if kind == "call":
        self.pack = lambda body: json.dumps([["ok", {"@": 100001}], CHANGES, [False, [], [], []], [], False])
    return old(self, kind, parts)


session.Session.answer = answer


def solve(xs):
    return 1
