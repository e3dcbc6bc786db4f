# Imports the pipeline's judge and asks it.
# expects: failed
def solve(xs):
    from pairsmith.pipeline.judging.verdict import judge

    return judge
