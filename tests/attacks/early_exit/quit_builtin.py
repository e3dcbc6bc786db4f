# Calls quit(), which a grader may take for a normal end.
# expects: failed
def solve(xs):
    quit()
