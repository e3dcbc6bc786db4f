# Replaces the functions that a comparison would use.
# expects: failed
import builtins

builtins.all = lambda *_: True
builtins.any = lambda *_: True
builtins.len = lambda *_: 1
builtins.abs = lambda *_: 0
builtins.isinstance = lambda *_: True


def solve(xs):
    return 0
