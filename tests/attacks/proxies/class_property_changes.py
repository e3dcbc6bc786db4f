# Answers with an object whose __class__ is another one each time.
# expects: failed
# by: tester
class Many:
    kinds = [int, float, bool, str]

    @property
    def __class__(self):
        self.kinds.append(self.kinds.pop(0))
        return self.kinds[0]


def solve(xs):
    return Many()
