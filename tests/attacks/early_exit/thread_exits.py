# A thread ends the process with code 0 while the call is under way.
# expects: failed
# cause: exited
import os
import threading
import time


def solve(xs):
    threading.Thread(target=os._exit, args=(0,)).start()
    time.sleep(5)
