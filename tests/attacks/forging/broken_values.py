# Answers with text that is no value, and with values nested beyond any parser's depth.
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
        body = given[4:20] + b"V" + (b'{"set":' * 3000 if len(given) % 2 else b"[" * 500_000)
        data = struct.pack(">I", len(body)) + body
        while data:
            data = data[os.write(201, data) :]
        given = os.read(200, 1 << 16)
    os._exit(0)
