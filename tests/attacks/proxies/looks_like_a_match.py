# Says that its class is re.Match, whose group() is whatever one wants.
# expects: failed
# by: tester
class Match:
    def group(self, *numbers):
        return 0

    def __index__(self):
        return 0


Match.__module__ = "re"


def solve(xs):
    return Match()
