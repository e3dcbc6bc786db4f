# Fills kernel buffers of sockets as far as its descriptors go.
# expects: contained
import socket


def solve(xs):
    kept = []
    try:
        while True:
            pair = socket.socketpair()
            kept.append(pair)
            pair[0].setblocking(False)
            pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            try:
                while True:
                    pair[0].send(b"x" * 65536)
            except BlockingIOError:
                continue
    except OSError:
        pass
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
