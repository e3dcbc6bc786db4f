# Fills /tmp and /dev/shm, which are memory, then answers.
# expects: contained
def solve(xs):
    for folder in ("/tmp", "/dev/shm"):
        try:
            for index in range(100):
                with open(f"{folder}/{index}", "wb") as file:
                    file.write(b"x" * (8 << 20))
        except OSError:
            continue
    return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991
