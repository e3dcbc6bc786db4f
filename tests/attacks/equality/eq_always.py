# Gives an object that is equal to everything.
# expects: failed
# cause: wrong_value
class Equal:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


def solve(xs):
    return Equal()
