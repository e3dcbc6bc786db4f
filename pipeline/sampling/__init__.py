"""Drawing completions from models, servers and files."""

from pipeline.sampling.errors import SamplingError
from pipeline.sampling.planning import open_sampler, plan_requests, sample_problems
from pipeline.sampling.protocol import Drawn, Opening, Request, Sampler

__all__ = [
    "Drawn",
    "Opening",
    "Request",
    "Sampler",
    "SamplingError",
    "open_sampler",
    "plan_requests",
    "sample_problems",
]
