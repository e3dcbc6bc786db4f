# Leaves an orphan that writes into /tmp when the next program may be there.
# expects: contained
import os
import time


def solve(xs):
    if os.fork() == 0:
        for _ in range(500):
            with open("/tmp/answer", "a") as file:
                file.write("late")
            time.sleep(0.01)
        os._exit(0)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
