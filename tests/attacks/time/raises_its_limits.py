# Tries to raise its own limits, then spins.
# expects: failed
# cause: timeout
import resource

for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC):
    try:
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        continue


def solve(xs):
    while True:
        pass
