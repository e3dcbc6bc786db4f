# Has the fault handler write its report onto the answering pipe.
# expects: failed
# cause: output_limit
import ctypes
import faulthandler


def solve(xs):
    faulthandler.enable(201)
    return ctypes.string_at(0)
