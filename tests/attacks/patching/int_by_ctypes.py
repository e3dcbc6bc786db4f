# Overwrites the comparison slots of int in memory.
# expects: failed
import ctypes


def solve(xs):
    address = id(int) + 25 * ctypes.sizeof(ctypes.c_void_p)
    slots = (ctypes.c_void_p * 1).from_address(address)
    slots[0] = (ctypes.c_void_p * 1).from_address(id(str) + 25 * ctypes.sizeof(ctypes.c_void_p))[0]
    return -1
