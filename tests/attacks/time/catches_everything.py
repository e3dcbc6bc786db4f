# Catches every exception that a time limit might raise and goes on.
# expects: failed
# cause: timeout
def solve(xs):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
