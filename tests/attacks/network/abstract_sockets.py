# Connects to the host's abstract sockets, such as those of a desktop.
# expects: failed
# cause: wrong_value
import socket


def solve(xs):
    for name in ("\0/tmp/.X11-unix/X0", "\0/tmp/dbus-session", "\0containerd", "\0/containerd-shim"):
        try:
            socket.socket(socket.AF_UNIX).connect(name)
            return 1
        except OSError:
            continue
    return -1
