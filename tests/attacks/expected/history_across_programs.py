# Looks for what an earlier program may have left: files, shared memory, environment.
# expects: failed
# cause: wrong_value
import os


def solve(xs):
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/dev/mqueue"):
        try:
            if any(name.startswith("answer") for name in os.listdir(folder)):
                return 1
        except OSError:
            continue
    return -1
