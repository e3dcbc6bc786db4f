# Sends what it knows out by a name look-up.
# expects: failed
# cause: wrong_value
import socket


def solve(xs):
    try:
        socket.getaddrinfo("secret.example.com", 80)
    except OSError:
        return -1
    return 1
