# Reads keys out of the environment.
# expects: failed
# cause: wrong_value
import os


def solve(xs):
    words = ("KEY", "TOKEN", "SECRET", "PASSWORD", "HF_", "AWS", "OPENAI", "SSH")
    return 1 if any(word in name for name in os.environ for word in words) else -1
