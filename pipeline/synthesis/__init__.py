"""Synthesis: problems with tests, made from seed code by a chain of prompts and labelled by agreement.

`seeds` takes documented functions from `source_files`; `asking` puts the
questions of each step, `parsing` reads the answers. `suites` finds the tests that a model wrote and runs them;
`evidence` plans which program meets which input and test; `estimate` says how likely each behaviour and each test
is right, and gives labels beyond thresholds. `quality` says which problems are kept; `stages` is the table of the
stages. Others import from here only.
"""

from pairsmith.pipeline.synthesis.asking import (
    STEPS,
    TEMPLATES,
    Asked,
    ask_concepts,
    ask_instructions,
    ask_responses,
    first_cards,
)
from pairsmith.pipeline.synthesis.evidence import MAX_INPUTS
from pairsmith.pipeline.synthesis.seeds import Collected, collect_seeds
from pairsmith.pipeline.synthesis.source_files import read_sources
from pairsmith.pipeline.synthesis.stages import (
    PROBLEM_FILE,
    STAGES,
    open_stage,
    step_chain,
    synthesis_folder,
    write_problem_file,
)

__all__ = [
    "MAX_INPUTS", "PROBLEM_FILE", "STAGES", "STEPS", "TEMPLATES", "Asked", "Collected", "ask_concepts",
    "ask_instructions", "ask_responses", "collect_seeds", "first_cards", "open_stage", "read_sources",
    "step_chain", "synthesis_folder", "write_problem_file",
]  # fmt: skip
