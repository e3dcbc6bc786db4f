# Prints without end.
# expects: failed
# cause: output_limit
def solve(xs):
    while True:
        print("line of text that goes on and on and on and on and on and on and on and on and on and on")
