# Writes results into /dev/shm for whoever reads them there.
# expects: failed
# cause: wrong_value
import os


def solve(xs):
    for name in ("result", "exec_result", "psm_result"):
        with open("/dev/shm/" + name, "w") as file:
            file.write("passed")
    return os.path.exists("/dev/shm/result") and None
