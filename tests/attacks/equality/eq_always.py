# Gives an object that is equal to everything.
# expects: undecided
# cause: own_equality
class Equal:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


def solve(xs):
    return Equal()
