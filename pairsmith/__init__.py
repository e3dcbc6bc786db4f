"""Turns a code model's own samples into preference data, and trains on it.

The names below are the public API (`docs/api.md`), under semantic versioning; everything else may change. Each is
imported when it is first used: `import pairsmith` loads nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pairsmith.pipeline.api.judge import Judge as Judge
    from pairsmith.pipeline.api.judge import extract as extract
    from pairsmith.pipeline.api.pairs import Pairs as Pairs
    from pairsmith.pipeline.api.pairs import make_pairs as make_pairs
    from pairsmith.pipeline.api.problems import load_problems as load_problems
    from pairsmith.pipeline.api.scoring import score as score
    from pairsmith.pipeline.api.verdicts import CaseResult as CaseResult
    from pairsmith.pipeline.api.verdicts import Verdict as Verdict
    from pairsmith.pipeline.run.errors import PairsmithError as PairsmithError

_PLACES = {
    "CaseResult": "pipeline.api.verdicts",
    "Judge": "pipeline.api.judge",
    "Pairs": "pipeline.api.pairs",
    "PairsmithError": "pipeline.run.errors",
    "Verdict": "pipeline.api.verdicts",
    "extract": "pipeline.api.judge",
    "load_problems": "pipeline.api.problems",
    "make_pairs": "pipeline.api.pairs",
    "score": "pipeline.api.scoring",
}
__all__ = list(_PLACES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module 'pairsmith' has no attribute {name!r}")
    found = getattr(import_module(f"pairsmith.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return sorted({*globals(), *_PLACES})
