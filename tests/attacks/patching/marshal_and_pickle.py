# Replaces the serialisers of the standard library.
# expects: failed
# cause: wrong_value
import marshal
import pickle

marshal.dumps = marshal.loads = pickle.dumps = pickle.loads = lambda *_: b"passed"


def solve(xs):
    return 0
