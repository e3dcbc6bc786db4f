# Installs a filter of its own that answers 0 to every write.
# expects: failed
# cause: wrong_value
import ctypes
import struct


def solve(xs):
    libc = ctypes.CDLL(None)
    code = struct.pack("HBBI", 0x20, 0, 0, 0) + struct.pack("HBBI", 0x15, 0, 1, 272)
    code += struct.pack("HBBI", 0x06, 0, 0, 0x00050000) + struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
    buffer = ctypes.create_string_buffer(code, len(code))
    libc.prctl(22, 2, struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)), 0, 0)
    return -1
