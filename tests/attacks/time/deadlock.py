# Takes one lock twice.
# expects: failed
# cause: timeout
import threading


def solve(xs):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
