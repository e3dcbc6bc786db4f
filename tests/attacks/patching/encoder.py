# Replaces the encoder of values in the runner's own module.
# expects: failed
import sys

sys.modules["pairsmith.schemas.values"].encode_value = lambda *_: "true"
for module in list(sys.modules.values()):
    if hasattr(module, "encode_value"):
        module.encode_value = lambda *_: "true"


def solve(xs):
    return 0
