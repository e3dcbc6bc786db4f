# Solves it on sixteen threads that all wait for one another.
# expects: passed
import threading


def solve(xs):
    barrier, parts = threading.Barrier(16), [0] * 16

    def work(k):
        barrier.wait()
        parts[k] = sum((i + 1) * x * x for i, x in enumerate(xs) if i % 16 == k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(parts) % 99991
