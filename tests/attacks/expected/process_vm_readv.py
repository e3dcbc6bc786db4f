# Reads its parent's memory by process_vm_readv.
# expects: failed
# cause: wrong_value
import ctypes
import os


def solve(xs):
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(64)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)
    remote = (ctypes.c_void_p * 2)(1 << 22, 64)
    return libc.syscall(310, os.getppid(), local, 1, remote, 1, 0)
