# Solves it by recursion, 900 levels deep.
# expects: passed
def down(n):
    return 0 if n == 0 else 1 + down(n - 1)


def solve(xs):
    def total(i):
        return 0 if i == len(xs) else (i + 1) * xs[i] ** 2 + total(i + 1)

    return (total(0) + down(900) - 900) % 99991
