# Answers with 30 MiB of text.
# expects: failed
# cause: output_limit
def solve(xs):
    return "x" * 30_000_000
