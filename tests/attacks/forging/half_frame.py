# Writes half a frame and ends.
# expects: failed
# cause: exited
import os


def solve(xs):
    os.write(201, b"\0\0\0\x40half")
    os._exit(0)
