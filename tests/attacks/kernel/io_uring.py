# Sets up io_uring, which goes around system call filters.
# expects: failed
# cause: wrong_value
import ctypes


def solve(xs):
    return ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120))
