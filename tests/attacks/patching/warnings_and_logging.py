# Replaces display and exception hooks, logging and warnings.
# expects: failed
# cause: wrong_value
import logging
import sys
import threading
import warnings

warnings.warn = logging.error = lambda *_, **__: None
sys.displayhook = sys.unraisablehook = threading.excepthook = lambda *_: None


def solve(xs):
    return 0
