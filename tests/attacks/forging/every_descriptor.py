# Writes a made-up success to every descriptor there is.
# expects: failed
import os


def solve(xs):
    for fd in range(256):
        try:
            os.write(fd, b'{"status": "passed", "ok": true}\n')
        except OSError:
            continue
    return 0
