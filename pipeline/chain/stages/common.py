"""What all stages over shards share: their records and versions, their folders, the keys of their shards."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path

from pairsmith.pipeline.run.digests import digest, file_digest
from pairsmith.pipeline.run.folder import StageFolder
from pairsmith.schemas.candidate import Candidate, Program
from pairsmith.schemas.crosscheck import CandidateCrosscheck, ProblemCrosscheck, Timing
from pairsmith.schemas.execution import Execution
from pairsmith.schemas.judgement import Judgement
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.syntax import Syntax
from pairsmith.schemas.verdict import Verdict

RECORDS: Mapping[str, type] = {
    "problems": Problem,
    "candidates": Candidate,
    "programs": Program,
    "executions": Execution,
    "verdicts": Verdict,
    "syntax": Syntax,
    "standings": CandidateCrosscheck,
    "problem_standings": ProblemCrosscheck,
    "timings": Timing,
    "pairs": Pair,
    "judgements": Judgement,
}
# Raise a number when a stage's code gives other rows for the same input: its shards are then made again.
VERSIONS = {
    "problems": 3,
    "candidates": 3,
    "programs": 2,
    "executions": 5,
    "verdicts": 2,
    "syntax": 3,
    "standings": 2,
    "problem_standings": 2,
    "timings": 1,
    "pairs": 3,
    "judgements": 1,
}
# What changes how fast, not what comes out.
NO_MATTER = {
    "syntax": {"workers"},
    "sampling": {  # own templates are told by their bytes
        "batch_size",
        "concurrency",
        "request_limit_s",
        "api_key_variable",
        "n",
        "n_a_request",
        "send_seed",
        "store",
        "prompts",
        "vllm",
    },
    "sandbox": {"workers", "recycle_after", "start_limit_s"},
}
_GRAMMARS = ("bash", "c", "cpp", "go", "java", "javascript", "python", "rust", "typescript")
_PACKAGES = {
    "candidates": ("transformers", "torch", "vllm"),
    "syntax": ("tree-sitter", *(f"tree-sitter-{name}" for name in _GRAMMARS), "rensa"),
    "pairs": ("polars", "scikit-learn", "rapidfuzz", "rensa"),
}
PAIRED = (
    "problems", "candidates", "programs", "verdicts", "syntax", "standings", "problem_standings", "timings",
)  # fmt: skip
"""Stages that pairs are made of."""


def stage_folder(chain: Path, stage: str) -> StageFolder:
    """Return the folder of a stage of a chain."""
    return StageFolder(chain, stage, RECORDS[stage])


def versions_of(stage: str) -> dict[str, str]:
    """Return the versions of ours and of the packages that shape a stage's rows."""
    versions = {"pairsmith": importlib.metadata.version("pairsmith"), "stage": str(VERSIONS[stage])}
    for package in ("pyarrow", *_PACKAGES.get(stage, ())):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def shard_key(chain: Path, name: str, stage: str, inputs: Sequence[str], *settings: str) -> str:
    """Return the key of a shard: of the stage's version, its settings and the content of what it reads."""
    contents = [stage_folder(chain, source).content(name) for source in inputs]
    return digest(stage, str(VERSIONS[stage]), *settings, *contents)


def problems_of(chain: Path, name: str) -> dict[str, Problem]:
    """Return the problems of a shard, by id."""
    return {problem.problem_id: problem for problem in stage_folder(chain, "problems").read(name)}


def file_digest_or_name(path: Path) -> str:
    """Return the digest of a file's bytes; the path itself where there is no file."""
    return file_digest(path) if path.is_file() else str(path)
