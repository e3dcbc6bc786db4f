"""Drawing completions from models, servers and files."""

from pairsmith.pipeline.sampling.choosing import choose_backend, open_sampler
from pairsmith.pipeline.sampling.errors import SamplingError
from pairsmith.pipeline.sampling.filling import sample_problems
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Opening, Request, Sampler
from pairsmith.pipeline.sampling.store import SampleStore

__all__ = [
    "Drawn",
    "Failure",
    "Opening",
    "Request",
    "SampleStore",
    "Sampler",
    "SamplingError",
    "choose_backend",
    "open_sampler",
    "sample_problems",
]
