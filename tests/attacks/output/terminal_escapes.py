# Raises an exception whose name would rewrite a terminal.
# expects: failed
# cause: exception
def solve(xs):
    raise type("\x1b[2J\x1b[1;32mpassed\x1b[0m\n" * 50, (Exception,), {})
