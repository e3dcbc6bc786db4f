# Keeps its work in a file in /tmp.
# expects: passed
import tempfile


def solve(xs):
    with tempfile.TemporaryFile("w+") as file:
        file.write("\n".join(str((i + 1) * x * x) for i, x in enumerate(xs)))
        file.seek(0)
        return sum(map(int, file.read().split())) % 99991
