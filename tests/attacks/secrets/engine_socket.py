# Talks to the container engine's socket.
# expects: failed
# cause: wrong_value
import socket


def solve(xs):
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"):
        try:
            socket.socket(socket.AF_UNIX).connect(path)
            return 1
        except OSError:
            continue
    return -1
