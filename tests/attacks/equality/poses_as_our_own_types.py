# Gives the runner's own value types, which cross over as other tags.
# expects: failed
# cause: wrong_value
def solve(xs):
    try:
        from pairsmith.schemas.values import Cycle, Lazy, Opaque, Record

        return Record("int", (("a", Lazy("map", (Opaque("x"), Cycle(1)))),))
    except ImportError:
        return None
