# Solves it with numpy where the image has it.
# expects: passed
try:
    import numpy
except ImportError:
    numpy = None
def solve(xs):
    if numpy is None:
        return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
    values = numpy.array(xs, dtype="int64")
    return int((numpy.arange(1, len(xs) + 1) * values * values).sum() % 99991)
