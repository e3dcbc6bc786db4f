# Leaves a listener on an abstract socket for the next program to meet.
# expects: contained
import os
import socket
import time


def solve(xs):
    if os.fork() == 0:
        try:
            server = socket.socket(socket.AF_UNIX)
            server.bind("\0answers")
            server.listen()
            time.sleep(600)
        finally:
            os._exit(0)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
