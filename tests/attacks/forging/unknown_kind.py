# Answers with a kind of frame that belongs to testers.
# expects: failed
# cause: forged
import os
import struct
import sys


def solve(xs):
    frame = sys._getframe()
    while frame is not None and not isinstance(frame.f_locals.get("frame"), bytes):
        frame = frame.f_back
    given = b"\0" * 4 + frame.f_locals["frame"]
    while given:
        body = given[4:20] + b"P"
        data = struct.pack(">I", len(body)) + body
        while data:
            data = data[os.write(201, data) :]
        given = os.read(200, 1 << 16)
    os._exit(0)
