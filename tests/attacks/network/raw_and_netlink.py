# Opens raw, packet, netlink and crypto sockets.
# expects: failed
# cause: wrong_value
import socket


def solve(xs):
    for family, kind in ((17, 3), (2, 3), (16, 3), (38, 5), (10, 3)):
        try:
            socket.socket(family, kind)
            return 1
        except OSError:
            continue
    return -1
