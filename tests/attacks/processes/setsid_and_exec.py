# Leaves another program running in a session of its own.
# expects: contained
import subprocess


def solve(xs):
    subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
