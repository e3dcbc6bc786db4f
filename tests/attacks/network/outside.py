# Connects to addresses of the internet and of cloud metadata.
# expects: failed
# cause: wrong_value
import socket


def solve(xs):
    for address in ("169.254.169.254", "192.0.2.1", "1.1.1.1"):
        try:
            socket.create_connection((address, 80), 0.2)
            return 1
        except OSError:
            continue
    return -1
