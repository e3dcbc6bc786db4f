# Gives the right number as text, for graders that compare printed forms.
# expects: failed
# cause: wrong_value
def solve(xs):
    return str(sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991)
