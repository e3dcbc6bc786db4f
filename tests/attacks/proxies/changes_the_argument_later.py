# Answers with an iterator that changes the argument when it is looked at.
# expects: failed
# by: tester
def solve(xs):
    def later():
        xs.clear()
        yield 0

    return later()
