# Sends signals by tgkill and pidfd, around a check of kill(2).
# expects: failed
# cause: wrong_value
import ctypes
import os


def solve(xs):
    libc = ctypes.CDLL(None)
    for pid in range(1, 200):
        if pid == os.getpid():
            continue
        libc.syscall(234, pid, pid, 9)
        try:
            fd = os.pidfd_open(pid)
            libc.syscall(424, fd, 9, None, 0)
            os.close(fd)
        except OSError:
            continue
    return -1
