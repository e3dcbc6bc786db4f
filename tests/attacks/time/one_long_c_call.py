# Stays in one C call that no Python-level signal handler interrupts.
# expects: failed
# cause: timeout
def solve(xs):
    return 7 ** (10**8) % 3
