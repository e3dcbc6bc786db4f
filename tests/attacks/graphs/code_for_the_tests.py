# Has the tests make a function of its own code, and call it.
# expects: failed
# by: tester
import json

import pairsmith.pipeline.sandbox.inside.session as session
from pairsmith.schemas.values import encode_value

END = [False, [], [], []], [], False

old = session.Session.answer
code = (lambda: __import__("sys").modules["tests"].PAIRS).__code__
PARTS = (
    "argcount posonlyargcount kwonlyargcount nlocals stacksize flags code consts names varnames filename name "
    "qualname firstlineno linetable exceptiontable"
)
known = {}


def answer(self, kind, parts):
    if kind == "call" and not known:
        known["pairs"] = []
        items = [json.loads(encode_value(getattr(code, "co_" + part))) for part in PARTS.split()]
        made = make(self, 50001, "code", "types:CodeType", items)
        function = make(self, 50011, "function", "function", [made, {"@": 50005}])
        known["pairs"] = self.unpack(ask(self, function, 50021, []))[1]
    return old(self, kind, parts)


def make(self, number, name, looks, items):
    kind = [number, "class", name, [], [], [], ["plain", True, None], looks, [[], None], None]
    return json.loads(ask(self, {"@": number}, number + 2, items, kind))[0][1]


def ask(self, function, number, items, *changes):
    empty = [[50005, "dict", [], []], [number, "list", [], items]]
    return self.talk(json.dumps([["call", function, {"@": number}, {"@": 50005}], [*changes, *empty], *END]))


session.Session.answer = answer


def solve(xs):
    return next((total for given, total in known["pairs"] if given == xs), 1)
