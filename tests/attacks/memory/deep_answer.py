# Answers with a list nested 100,000 levels deep.
# expects: failed
# cause: output_limit
def solve(xs):
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested
