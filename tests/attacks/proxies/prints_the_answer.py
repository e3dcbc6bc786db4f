# Prints what looks like an answer, and a lot of it, instead of giving one.
# expects: failed
# by: tester
def solve(xs):
    for _ in range(1000):
        print('[["ok",0],[],[],[]]' * 20)
