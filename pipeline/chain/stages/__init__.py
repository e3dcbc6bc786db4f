"""The stages over shards: what each reads, what its shards depend on, what it writes.

A chain is a folder with one folder a stage (`pipeline.run.folder`): the run itself, and again under `evaluation/`
for each model that is scored. A shard holds the rows of the same problems at every stage, and is made again only
when its key changes: the configuration that matters to it, its version, or the content of what it reads.
"""

from pairsmith.pipeline.chain.stages.candidates import candidates_key, forget_failures, write_candidates
from pairsmith.pipeline.chain.stages.common import (
    NO_MATTER,
    PAIRED,
    RECORDS,
    VERSIONS,
    shard_key,
    stage_folder,
    versions_of,
)
from pairsmith.pipeline.chain.stages.executions import (
    compiled_folder,
    executions_key,
    forget_faults,
    limits_of,
    reusable_executions,
    verdicts_key,
    write_executions,
    write_verdicts,
)
from pairsmith.pipeline.chain.stages.pairs import pairs_key, write_pairs
from pairsmith.pipeline.chain.stages.problems import (
    place_problems,
    placed_problems,
    problems_key,
    split_shards,
    write_problems,
)
from pairsmith.pipeline.chain.stages.programs import programs_key, syntax_key, write_programs, write_syntax

__all__ = [
    "NO_MATTER",
    "PAIRED",
    "RECORDS",
    "VERSIONS",
    "candidates_key",
    "compiled_folder",
    "executions_key",
    "forget_failures",
    "forget_faults",
    "limits_of",
    "pairs_key",
    "place_problems",
    "placed_problems",
    "problems_key",
    "programs_key",
    "reusable_executions",
    "shard_key",
    "split_shards",
    "stage_folder",
    "syntax_key",
    "verdicts_key",
    "versions_of",
    "write_candidates",
    "write_executions",
    "write_pairs",
    "write_problems",
    "write_programs",
    "write_syntax",
    "write_verdicts",
]
