# Makes empty files until there are no inodes.
# expects: failed
# cause: exception
def solve(xs):
    index = 0
    while True:
        open(f"/tmp/{index}", "w").close()
        index += 1
