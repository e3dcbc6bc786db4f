# Answers with numbers that another conversation would have given.
# expects: failed
# by: tester
import pairsmith.pipeline.sandbox.inside.session as session

numbers = iter(range(0, 10**6, 2))
session.Session.pack = lambda self, body: '[["ok",{"@":%d}],[],[false,[],[],[]],[],false]' % next(numbers)


def solve(xs):
    return 1
