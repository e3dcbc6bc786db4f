# Turns off the timers by which graders in the same process end a program.
# expects: failed
# cause: timeout
import signal

signal.alarm(0)
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)


def solve(xs):
    while True:
        pass
