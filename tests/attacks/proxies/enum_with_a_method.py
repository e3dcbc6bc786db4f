# Answers with an enum that has a type in the place of its equality.
# expects: failed
# by: tester
import json

import pairsmith.pipeline.sandbox.inside.session as session

END = [False, [], [], []], [], False

STYLE = ["enum", "Enum", None, [["A", 1], ["__eq__", {"type": "type"}]]]
CLASS = [100003, "class", "P", [], [], [], STYLE, "", [[], None], None]
old = session.Session.answer


def answer(self, kind, parts):
    if kind == "call":
        self.pack = lambda body: json.dumps([["ok", {"named": [{"@": 100003}, [1]]}], [CLASS], *END])
    return old(self, kind, parts)


session.Session.answer = answer


def solve(xs):
    return 1
