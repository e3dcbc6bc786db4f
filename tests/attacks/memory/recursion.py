# Recurses without end.
# expects: failed
# cause: exception
def solve(xs):
    return solve(xs) + 1
