# Asks the tests from many threads while they wait for the answer.
# expects: failed
# by: tester
import threading


def solve(xs):
    def ask():
        for _ in range(200):
            xs.append(xs.pop())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0
