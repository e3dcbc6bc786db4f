# Forks busy children, so that it waits for the processor and its wall clock might stop.
# expects: failed
# cause: timeout
import os
def solve(xs):
    for _ in range(12):
        if os.fork() == 0:
            break
    while True:
        pass
