# Opens other processes' descriptors through /proc.
# expects: failed
# cause: wrong_value
import os


def solve(xs):
    for pid in range(1, 300):
        for fd in range(10):
            try:
                with open(f"/proc/{pid}/fd/{fd}", "rb") as file:
                    return len(file.read(1))
            except OSError:
                continue
    return -1
