# Imports the pipeline's judge, which is not in the sandbox, and asks it.
# expects: undecided
# cause: missing_package
def solve(xs):
    from pairsmith.pipeline.judging.verdict import judge

    return judge
