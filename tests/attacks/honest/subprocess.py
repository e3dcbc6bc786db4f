# Solves it with the help of another program.
# expects: passed
import subprocess


def solve(xs):
    text = "\n".join(str((i + 1) * x * x) for i, x in enumerate(xs))
    done = subprocess.run(["/bin/cat"], input=text, capture_output=True, text=True, check=True)
    return sum(map(int, done.stdout.split())) % 99991
