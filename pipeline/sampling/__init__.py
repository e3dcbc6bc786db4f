"""Drawing completions from models, servers and files."""

from pairsmith.pipeline.sampling.filling import sample_problems
from pairsmith.pipeline.sampling.models import choose_backend, open_sampler
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Opening, Request, Sampler, SamplingError
from pairsmith.pipeline.sampling.store import SampleStore

__all__ = [
    "Drawn", "Failure", "Opening", "Request", "SampleStore", "Sampler", "SamplingError", "choose_backend",
    "open_sampler", "sample_problems",
]  # fmt: skip
