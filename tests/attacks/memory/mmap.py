# Maps memory past its limit and touches it.
# expects: failed
# cause: memory
import mmap


def solve(xs):
    kept = []
    while True:
        block = mmap.mmap(-1, 1 << 26)
        for start in range(0, 1 << 26, 4096):
            block[start] = 1
        kept.append(block)
