# Takes all waiting inputs itself, and answers them from the last to the first.
# expects: failed
import os, struct
def solve(xs):
    waiting = b""
    os.set_blocking(200, False)
    try:
        while part := os.read(200, 1 << 16):
            waiting += part
    except BlockingIOError:
        pass
    frames = []
    while waiting:
        (length,) = struct.unpack_from(">I", waiting)
        frames.append(waiting[4 : 4 + length])
        waiting = waiting[4 + length :]
    for frame in reversed(frames):
        body = frame[:16] + b"V1"
        os.write(201, struct.pack(">I", len(body)) + body)
    return 1
