# Raises an exception whose description sets attributes that no exception should set.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session

STATE = '[["__class__",{"type":"int"}],["__traceback__",1]]'
session.Session.pack = lambda self, body: (
    '[["raise",{"@":3}],[[3,"exc",{"type":"ValueError"},[0],null,' + STATE + "]],[false,[],[],[]],[],false]"
)


def solve(xs):
    return 1
