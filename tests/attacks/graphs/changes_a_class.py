# Says that an object of the tests is of another class now.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


END = ',[false,[],[],[]],[],false]'
session.Session.pack = lambda self, body: '[["ok",1],[[0,"obj",{"type":"int"},["__class__",1]]]' + END


def solve(xs):
    return 1
