# Puts a module of its own in place of the judge and the runner.
# expects: failed
import sys
import types

for name in ("pairsmith.schemas.values", "pairsmith.pipeline.judging.verdict", "pairsmith.pipeline.sandbox.inside.program", "math", "unittest", "pytest"):
    fake = types.ModuleType(name)
    fake.__getattr__ = lambda name: lambda *_, **__: True
    sys.modules[name] = fake


def solve(xs):
    return 0
