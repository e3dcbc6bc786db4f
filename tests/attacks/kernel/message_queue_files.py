# Makes a message queue by opening a file in /dev/mqueue.
# expects: failed
# cause: wrong_value
import os


def solve(xs):
    try:
        os.close(os.open("/dev/mqueue/answer", os.O_CREAT | os.O_RDWR))
    except OSError:
        return -1
    return 1
