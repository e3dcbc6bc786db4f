"""Carries the inside of the sandbox into it, as source over its standard input."""

import functools
import importlib.util
import json
from pathlib import Path

from pairsmith.pipeline.sandbox.inside.frames import pack
from pairsmith.pipeline.sandbox.suite_kit import Kit

# Reads one frame of sources, makes modules of them, starts the zygote. Kept small: it is a command-line argument.
BOOTSTRAP = """
import sys
sys.path[:] = [path for path in sys.path if path]
import importlib.abc, importlib.util, json, os, struct
def read(n):
    data = b""
    while len(data) < n:
        part = os.read(0, n - len(data))
        if not part: os._exit(0)
        data += part
    return data
order = json.loads(read(struct.unpack(">I", read(4))[0]))
class Shipped(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    def find_spec(self, name, path=None, target=None):
        if name in order["modules"]:
            return importlib.util.spec_from_loader(name, self, is_package=name in order["packages"])
    def get_filename(self, name):
        return "/shipped/" + name.replace(".", "/") + ("/__init__.py" if name in order["packages"] else ".py")
    def get_source(self, name): return order["modules"][name]
sys.meta_path.insert(0, Shipped())
sys.dont_write_bytecode = True
for name in order["warm"]:
    try: __import__(name)
    except Exception: pass  # tried again, and reported, where it is used
from pairsmith.pipeline.sandbox.inside.zygote import main
main(order["isolation"], order["first_uid"])
"""
# Not -I: it would ignore PYTHONHASHSEED, and sets print in hash order. The environment is ours alone anyway.
PYTHON_OPTIONS = ("-s", "-S", "-B")
_PACKAGES = (
    "pairsmith",
    "pairsmith.schemas",
    "pairsmith.pipeline",
    "pairsmith.pipeline.sandbox",
    "pairsmith.pipeline.sandbox.inside",
)
_MODULES = (
    "pairsmith.schemas.twins",
    "pairsmith.schemas.values",
    "pairsmith.pipeline.sandbox.inside.frames",
    "pairsmith.pipeline.sandbox.inside.lockdown",
    "pairsmith.pipeline.sandbox.inside.accounting",
    "pairsmith.pipeline.sandbox.inside.answering",
    "pairsmith.pipeline.sandbox.inside.sweeping",
    "pairsmith.pipeline.sandbox.inside.stdin",
    "pairsmith.pipeline.sandbox.inside.mirrors",
    "pairsmith.pipeline.sandbox.inside.graph",
    "pairsmith.pipeline.sandbox.inside.session",
    "pairsmith.pipeline.sandbox.inside.tester",
    "pairsmith.pipeline.sandbox.inside.program",
    "pairsmith.pipeline.sandbox.inside.words",
    "pairsmith.pipeline.sandbox.inside.foreign",
    "pairsmith.pipeline.sandbox.inside.building",
    "pairsmith.pipeline.sandbox.inside.cell",
    "pairsmith.pipeline.sandbox.inside.ending",
    "pairsmith.pipeline.sandbox.inside.running",
    "pairsmith.pipeline.sandbox.inside.cells",
    "pairsmith.pipeline.sandbox.inside.supervisor",
    "pairsmith.pipeline.sandbox.inside.zygote",
)


def first_frame(isolation: str, first_uid: int, kit: Kit | None = None) -> bytes:
    """Return the frame that a started bootstrap waits for: all sources, and how to isolate."""
    kit = kit or Kit({}, (), ())
    order = {
        "modules": dict.fromkeys(_PACKAGES, "") | {name: _source(name) for name in _MODULES} | {**kit.modules},
        "packages": (*_PACKAGES, *kit.packages),
        "warm": kit.warm,
        "isolation": isolation,
        "first_uid": first_uid,
    }
    return pack(json.dumps(order).encode())


@functools.cache
def _source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ImportError(f"{name}: no source to ship into the sandbox")
    return Path(spec.origin).read_text(encoding="utf-8")
