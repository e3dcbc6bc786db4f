"""Preference training: DPO with a LoRA adapter on the pairs, through TRL.

What is checked rather than trusted: that the first loss is ln 2 (the reference is the start), that every loss
and gradient is finite, that no pair is dropped or cut in silence, that a resumed run has the same inputs.
Torch, transformers, trl and peft (`pip install 'pairsmith[train]'`) are imported when training starts.
"""

from pipeline.training.checks import TrainingError
from pipeline.training.dpo import train_dpo
from pipeline.training.progress import load_summary

__all__ = ["TrainingError", "load_summary", "train_dpo"]
