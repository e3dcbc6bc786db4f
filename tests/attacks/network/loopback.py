# Connects to services of the host on loopback.
# expects: failed
# cause: wrong_value
import socket


def solve(xs):
    for port in (22, 80, 2375, 5432, 6379, 8000, 8080):
        for address in ("127.0.0.1", "::1"):
            try:
                socket.create_connection((address, port), 0.2)
                return 1
            except OSError:
                continue
    return -1
