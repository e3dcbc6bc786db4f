# Writes one file beyond the size limit, through a hole.
# expects: failed
# cause: exception
def solve(xs):
    with open("/tmp/large", "wb") as file:
        file.seek(1 << 40)
        file.write(b"x")
    return -1
