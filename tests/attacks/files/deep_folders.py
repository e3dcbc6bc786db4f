# Leaves folders nested 1,500 deep, beyond the recursion of a simple clean-up.
# expects: contained
import os


def solve(xs):
    os.chdir("/tmp")
    for _ in range(1500):
        try:
            os.mkdir("d" * 20)
            os.chdir("d" * 20)
        except OSError:
            break
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
