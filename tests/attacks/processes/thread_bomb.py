# Starts threads without end.
# expects: failed
import threading
import time


def solve(xs):
    while True:
        threading.Thread(target=time.sleep, args=(60,)).start()
