# Writes files until the disk is full.
# expects: failed
# cause: exception
def solve(xs):
    index = 0
    while True:
        with open(f"/tmp/{index}", "wb") as file:
            file.write(b"x" * (4 << 20))
        index += 1
