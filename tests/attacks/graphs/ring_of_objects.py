# Answers with a ring of a million dictionaries that hold each other both ways.
# expects: failed
# by: tester
def solve(xs):
    first = last = {}
    for _ in range(600_000):
        after = {"back": last}
        last["on"] = after
        last = after
    last["on"] = first
    return first
