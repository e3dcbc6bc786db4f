"""Shards of programs and of their syntax: what is read from candidates without running them."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pairsmith.pipeline.chain.stages.common import (
    NO_MATTER,
    file_digest_or_name,
    problems_of,
    shard_key,
    stage_folder,
)
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.syntax.worker import analyse_programs
from pairsmith.schemas.candidate import Candidate, Program
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.syntax import Syntax


def programs_key(chain: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of programs."""
    return shard_key(chain, name, "programs", ("problems", "candidates"))


def write_programs(chain: Path, name: str, config: RunConfig, known: Mapping[str, Program] | None = None) -> Path:
    """Write a shard of extracted programs, one a candidate; those in `known` are taken as they are."""
    problems = problems_of(chain, name)
    candidates: list[Candidate] = stage_folder(chain, "candidates").read(name)
    ready = known or {}
    rows = [
        ready.get(candidate.candidate_id) or extract_program(candidate, problems[candidate.problem_id])
        for candidate in candidates
    ]
    counts = Counter(f"extraction.{row.extraction}" for row in rows) + Counter(f"form.{row.form}" for row in rows)
    shard = Shard(rows, len(candidates), {}, counts)
    return stage_folder(chain, "programs").write_shard(name, programs_key(chain, name, config), shard)


def syntax_key(chain: Path, name: str, config: RunConfig) -> str:
    """Return the key of a shard of syntax."""
    files = [file_digest_or_name(path) for path in config.syntax.benchmarks]
    matters = config.syntax.model_dump_json(exclude={*NO_MATTER["syntax"], "benchmarks"})
    return shard_key(chain, name, "syntax", ("problems", "programs"), matters, *files)


def write_syntax(chain: Path, name: str, config: RunConfig, known: Mapping[str, Syntax] | None = None) -> Path:
    """Write a shard of syntax, one a program, duplicates marked within each problem.

    Args:
        known: by candidate, what a `Reader` has read already.
    """
    programs: list[Program] = stage_folder(chain, "programs").read(name)
    rows = analyse_programs(problems_of(chain, name), programs, config.syntax, known)
    counts = Counter(f"duplicate.{row.duplicate_rule}" for row in rows if row.duplicate_rule)
    counts["parsed"] = sum(row.parsed for row in rows)
    counts["contaminated"] = sum(row.contaminated_by != "" for row in rows)
    shard = Shard(rows, len(programs), {}, counts)
    return stage_folder(chain, "syntax").write_shard(name, syntax_key(chain, name, config), shard)
