# Replaces `type` and `isinstance` for whoever encodes its value.
# expects: failed
import builtins


class Equal:
    __eq__ = lambda self, other: True
    __hash__ = lambda self: 0


builtins.isinstance = lambda *_: True


def solve(xs):
    return Equal()
