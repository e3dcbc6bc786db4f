"""Training through TRL: a method of the table, on a start, on the rows of a dataset.

What is checked rather than trusted: that the first step shows policy and reference equal (DPO's loss is ln 2),
that every loss and gradient is finite, that no row is dropped or cut in silence, that a resumed run has the same
inputs. Torch, transformers, trl and peft (`pip install 'pairsmith[train]'`) are imported when training starts.
"""

from pairsmith.pipeline.training.checks import DISPLACED, TrainingError, is_displaced
from pairsmith.pipeline.training.methods import METHODS
from pairsmith.pipeline.training.progress import Plan, load_summary, read_evaluations
from pairsmith.pipeline.training.reading import fetch
from pairsmith.pipeline.training.run import merge_adapter, result_of, train

__all__ = [
    "DISPLACED", "METHODS", "Plan", "TrainingError", "fetch", "is_displaced", "load_summary", "merge_adapter",
    "read_evaluations", "result_of", "train",
]  # fmt: skip
