# Writes an executable and runs it.
# expects: failed
# cause: wrong_value
import os
import shutil
import subprocess


def solve(xs):
    shutil.copy("/bin/true", "/tmp/mine")
    os.chmod("/tmp/mine", 0o755)
    try:
        subprocess.run(["/tmp/mine"], check=True)
    except OSError:
        return -1
    return -2
