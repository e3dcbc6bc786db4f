# Answers many inputs at once with the nonce of the first.
# expects: failed
# cause: wrong_value
import os
import struct
import sys


def solve(xs):
    frame = sys._getframe()
    while frame is not None and not isinstance(frame.f_locals.get("frame"), bytes):
        frame = frame.f_back
    nonce = frame.f_locals["frame"][:16]
    body = nonce + b"V0"
    os.write(201, (struct.pack(">I", len(body)) + body) * 20)
    os._exit(0)
