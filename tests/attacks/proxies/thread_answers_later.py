# Goes on in a thread that writes messages of its own after the answer.
# expects: failed
# by: tester
import os
import threading
import time


def solve(xs):
    def later():
        for fd in range(3, 12):
            try:
                os.write(fd, b"\x00\x00\x00\x01V")
            except OSError:
                pass
        time.sleep(0.01)

    threading.Thread(target=later, daemon=True).start()
    return 0
