# Answers megabytes of control characters, which grow sixfold as JSON and might break the runner's own frames.
# expects: failed
# cause: forged
import os
import struct
import sys


def solve(xs):
    frame = sys._getframe()
    while frame is not None and not isinstance(frame.f_locals.get("frame"), bytes):
        frame = frame.f_back
    body = frame.f_locals["frame"][:16] + b"V" + b"\0" * (4_000_000)
    data = struct.pack(">I", len(body)) + body
    while data:
        data = data[os.write(201, data) :]
    return 0
