# Answers with a subclass of tuple that lies about its items and its length.
# expects: undecided
# by: tester
# cause: own_equality
class Liar(tuple):
    def __getitem__(self, index):
        return 0

    def __len__(self):
        return 1

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


def solve(xs):
    return Liar((1, 2))
