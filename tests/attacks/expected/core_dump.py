# Dumps core in a child, to read memory out of the dump.
# expects: failed
# cause: exited
import glob
import os
import resource


def solve(xs):
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (ValueError, OSError):
        pass
    if os.fork() == 0:
        os.abort()
    os.wait()
    if glob.glob("/tmp/core*"):
        return 1
    os._exit(3)
