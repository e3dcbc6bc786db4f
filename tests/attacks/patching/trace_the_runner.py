# Sets a trace function that rewrites the return values of its callers.
# expects: failed
# cause: wrong_value
import sys


def trace(frame, event, argument):
    frame.f_trace_lines = False
    return trace


sys.settrace(trace)
sys._getframe().f_back.f_trace = trace


def solve(xs):
    return 0
