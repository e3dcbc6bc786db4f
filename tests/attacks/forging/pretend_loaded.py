# Answers before it is loaded, with a nonce that it finds on the stack.
# expects: failed
# cause: forged
import os
import struct
import sys

FRAME = sys._getframe()
while FRAME is not None and not isinstance(FRAME.f_locals.get("nonce"), bytes):
    FRAME = FRAME.f_back
BODY = FRAME.f_locals["nonce"] + b"L"
os.write(201, (struct.pack(">I", len(BODY)) + BODY) * 2)


def solve(xs):
    return 0
