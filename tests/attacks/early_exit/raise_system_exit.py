# Raises SystemExit with no code, which an interpreter reports as success.
# expects: failed
# cause: exited
def solve(xs):
    raise SystemExit
