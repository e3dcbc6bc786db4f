"""Which processor cores judging may use, so that it never takes the last ones from a sampler on this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def judging_cpus(available: frozenset[int], n_reserved: int) -> frozenset[int]:
    """Return the cores for judging: all but the first `n_reserved`, and at least one."""
    ordered = sorted(available)
    return frozenset(ordered[min(n_reserved, len(ordered) - 1) :])


@contextmanager
def reserve_cpus(n_reserved: int) -> Iterator[None]:
    """Keep this thread, and the threads and processes that it starts, off the first cores.

    Containers are started by their engine and not bound by this.
    """
    before = frozenset(os.sched_getaffinity(0))
    os.sched_setaffinity(0, judging_cpus(before, n_reserved))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
