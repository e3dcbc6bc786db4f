# Raises GeneratorExit, which `except Exception` does not catch.
# expects: failed
# cause: exception
def solve(xs):
    raise GeneratorExit
