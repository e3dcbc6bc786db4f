# Lowers and raises priorities of everything it can name.
# expects: contained
import os


def solve(xs):
    for pid in range(400):
        try:
            os.setpriority(os.PRIO_PROCESS, pid, -20)
        except OSError:
            continue
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
