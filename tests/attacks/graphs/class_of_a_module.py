# Describes an exception of a module that steers the interpreter.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session

KIND = '[1,"class","SystemExit",[],[],[],["plain",true],"builtins:SystemExit",[[],null],null]'
END = ',[false,[],[],[]],[],false]'
session.Session.pack = lambda self, body: '[["raise",{"@":3}],[[3,"exc",{"@":1},[0],null,[]],' + KIND + "]" + END


def solve(xs):
    return 1
