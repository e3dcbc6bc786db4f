# Raises KeyboardInterrupt, to stop the grader as if its user had.
# expects: failed
# cause: exception
def solve(xs):
    raise KeyboardInterrupt
