# Floods standard output from a thread while nobody asks for anything.
# expects: contained
import os
import threading


def flood():
    for _ in range(512):
        os.write(1, b"x" * 4096)


def solve(xs):
    threading.Thread(target=flood, daemon=True).start()
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
