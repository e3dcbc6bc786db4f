# Sends datagrams to everybody.
# expects: failed
# cause: wrong_value
import socket


def solve(xs):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    for address in ("255.255.255.255", "192.0.2.1", "224.0.0.1"):
        try:
            sender.sendto(b"secret", (address, 53))
            return 1
        except OSError:
            continue
    return -1
