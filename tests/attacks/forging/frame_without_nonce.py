# Writes a whole frame with a value of its own but no nonce.
# expects: failed
# cause: forged
import os
import struct


def solve(xs):
    body = b"\0" * 16 + b"V0"
    os.write(201, struct.pack(">I", len(body)) + body)
    return 0
