# Gives a wrong answer, then a second one to the same input.
# expects: failed
import os
import struct
import sys


def solve(xs):
    frame = sys._getframe()
    while frame is not None and not isinstance(frame.f_locals.get("frame"), bytes):
        frame = frame.f_back
    nonce = frame.f_locals["frame"][:16]
    right = sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
    os.write(201, b"".join(struct.pack(">I", 16 + len(b)) + nonce + b for b in (b"V0", b"V%d" % right)))
    return 0
