# Reads the memory of its parent through /proc.
# expects: failed
# cause: wrong_value
import os


def solve(xs):
    found = -1
    for pid in (os.getppid(), 1, 2):
        try:
            with open(f"/proc/{pid}/mem", "rb") as memory:
                memory.seek(1 << 22)
                found = len(memory.read(4096))
        except OSError:
            continue
    return found
