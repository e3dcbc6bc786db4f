# Leaves files for the next program in every place that can be written.
# expects: contained
import os


def solve(xs):
    for folder in ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run", "/run/lock", "/dev", "/", "/home", "/root"):
        try:
            with open(os.path.join(folder, "answer_left"), "w") as file:
                file.write("left")
        except OSError:
            continue
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
