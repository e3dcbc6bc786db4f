# Writes poisoned byte code into __pycache__ folders of the standard library.
# expects: failed
import glob
import sys

for path in sys.path:
    for name in glob.glob(path + "/__pycache__/json*.pyc") + glob.glob(path + "/json/__pycache__/*.pyc"):
        try:
            with open(name, "wb") as file:
                file.write(b"poison")
        except OSError:
            continue


def solve(xs):
    return 0
