# Makes System V and POSIX objects that outlive their maker.
# expects: failed
# cause: wrong_value
import ctypes


def solve(xs):
    libc = ctypes.CDLL(None)
    made = [libc.shmget(4711, 4096, 0o1666), libc.msgget(4711, 0o1666), libc.semget(4711, 1, 0o1666)]
    made.append(libc.syscall(240, b"answer", 0o102, 0o666, None))
    return -1 if all(value == -1 for value in made) else 1
