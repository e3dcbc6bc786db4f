# Solves it on four threads.
# expects: passed
from concurrent.futures import ThreadPoolExecutor


def solve(xs):
    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(lambda pair: (pair[0] + 1) * pair[1] ** 2, enumerate(xs))) % 99991
