"""Drawing completions from models, servers and files."""

from pipeline.sampling.choosing import choose_backend, open_sampler
from pipeline.sampling.errors import SamplingError
from pipeline.sampling.filling import sample_problems
from pipeline.sampling.protocol import Drawn, Failure, Opening, Request, Sampler
from pipeline.sampling.store import SampleStore

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
