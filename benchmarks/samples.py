"""Samples on HumanEval from a file, as the benchmarks take them."""

from pathlib import Path

from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.sampling import open_sampler, sample_problems
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.problem import Problem


def read_samples(samples: Path, n: int) -> tuple[dict[str, Problem], list[Candidate]]:
    """Return HumanEval's problems by id, and the first `n` samples of each in a file."""
    problems = load_problems(ProblemsConfig(source="humaneval"), starter_folder()).problems
    config = SamplingConfig(backend="files", samples=samples, n=n)
    with open_sampler(config, Path(), None, print) as sampler:
        candidates = sample_problems(problems, sampler, config, 0)
    return {problem.problem_id: problem for problem in problems}, candidates
