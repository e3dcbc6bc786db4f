# Leaves folders without rights, deep and full, that a simple clean-up can't enter.
# expects: contained
import os


def solve(xs):
    try:
        os.makedirs("/tmp/a/b/c")
        open("/tmp/a/b/c/file", "w").close()
        os.mkfifo("/tmp/a/fifo")
        for folder in ("/tmp/a/b/c", "/tmp/a/b", "/tmp/a"):
            os.chmod(folder, 0)
    except FileExistsError:
        pass
    except PermissionError:
        pass
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
