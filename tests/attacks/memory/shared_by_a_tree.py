# Takes memory in many processes at once, each below the limit of one.
# expects: failed
# cause: wrong_value
import os
import time


def solve(xs):
    if len(xs) != 3:
        return -1
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            kept = b"x" * (100 << 20)
            time.sleep(0.8)
            os._exit(len(kept) and 0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return -1
