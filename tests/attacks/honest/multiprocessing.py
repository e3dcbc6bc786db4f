# Solves it in a pool of two processes.
# expects: passed
import multiprocessing


def part(pair):
    return (pair[0] + 1) * pair[1] ** 2


def solve(xs):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return sum(pool.map(part, list(enumerate(xs)))) % 99991
