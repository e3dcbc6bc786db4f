# Describes a class with an operator that there is not.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session
import pairsmith.pipeline.sandbox.inside.graph as graph


CLASS = '[1,"class","A",[],["__init_subclass__","__getattribute__"],[],["plain",true,null],"",[[],null],null]'
END = ',[false,[],[],[]],[],false]'
session.Session.pack = lambda self, body: '[["ok",{"@":3}],[[3,"own",{"@":1}],' + CLASS + ']' + END


def solve(xs):
    return 1
