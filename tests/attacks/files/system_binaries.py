# Overwrites programs and libraries of the system.
# expects: failed
# cause: wrong_value
import glob


def solve(xs):
    for path in ["/bin/sh", "/usr/bin/python3", "/etc/passwd", *glob.glob("/usr/lib/*/libc.so*")]:
        try:
            with open(path, "r+b") as file:
                file.write(b"x")
            return 1
        except OSError:
            continue
    return -1
