# Speaks on every inherited socket.
# expects: failed
# cause: wrong_value
import socket


def solve(xs):
    for fd in range(3, 256):
        try:
            with socket.socket(fileno=fd) as channel:
                channel.sendall(b'{"op": "closed", "status": "ok"}')
        except OSError:
            continue
    return 0
