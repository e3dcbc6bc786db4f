# Replaces the stream whose text the tests get by one that never ends.
# expects: failed
# by: tester
import sys


class Endless:
    def write(self, text):
        sys.modules["pairsmith.pipeline.sandbox.inside.session"].Session.said = [["stdout", "x" * 10_000_000]]
        return len(text)

    def flush(self):
        pass


def solve(xs):
    sys.stdout = Endless()
    print(1)
    return 0
