# Opens the rarely tested parts of the kernel.
# expects: failed
# cause: wrong_value
import ctypes


def solve(xs):
    libc = ctypes.CDLL(None)
    numbers = (321, 298, 323, 246, 320, 175, 313, 169, 103, 304, 312, 438, 300, 278, 310, 311)
    buffer = ctypes.create_string_buffer(256)
    return -1 if all(libc.syscall(number, buffer, 0, 0, 0, 0) == -1 for number in numbers) else 1
