# Reaches for the hypervisor by vsock.
# expects: failed
# cause: wrong_value
import socket


def solve(xs):
    try:
        socket.socket(40, socket.SOCK_STREAM).connect((2, 1024))
    except OSError:
        return -1
    return 1
