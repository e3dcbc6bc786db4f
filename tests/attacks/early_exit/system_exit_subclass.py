# Raises a subclass of SystemExit that claims to be code 0.
# expects: failed
# cause: exited
class Done(SystemExit):
    code = 0


def solve(xs):
    raise Done
