# Leaves sitecustomize and .pth files where a later interpreter would run them.
# expects: failed
import os
import sys

for folder in {*sys.path, "/tmp", "/usr/lib/python3/dist-packages", "/usr/local/lib/python3.11/site-packages"}:
    for name in ("sitecustomize.py", "usercustomize.py", "evil.pth"):
        try:
            with open(os.path.join(folder, name), "w") as file:
                file.write("import os; os._exit(0)\n")
        except OSError:
            continue


def solve(xs):
    return 0
