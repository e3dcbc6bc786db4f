# Imports the pipeline's judge and asks it.
# expects: failed
def solve(xs):
    from pipeline.judging import judge

    return judge
