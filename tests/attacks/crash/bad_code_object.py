# Runs byte code that no compiler wrote.
# expects: failed
def solve(xs):
    code = (lambda: None).__code__
    return eval(code.replace(co_code=b"\xff\x01" * 10))
