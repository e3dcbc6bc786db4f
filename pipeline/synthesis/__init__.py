"""Synthesis: problems with tests, made from seed code by a chain of prompts and labelled by agreement.

`seeds` takes documented functions from `source_files` (`functions`: what is known of one); `asking` puts the
questions of each step, `parsing` reads the answers. `suites` finds the tests that a model wrote and runs them;
`evidence` plans which program meets which input and test; `estimate` says how likely each behaviour and each test
is right, `deciding` gives labels beyond thresholds. `quality` says which problems are kept; `stages` says what
each shard depends on and writes it. Others import from here only.
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
    MADE_TOGETHER,
    PROBLEM_FILE,
    answers_key,
    asked_key,
    asked_shards,
    cards_key,
    judged_key,
    open_stage,
    step_chain,
    synthesis_folder,
    write_answers,
    write_asked,
    write_cards,
    write_judged,
)

__all__ = [
    "MADE_TOGETHER", "MAX_INPUTS", "PROBLEM_FILE", "STEPS", "TEMPLATES", "Asked", "Collected", "answers_key",
    "ask_concepts", "ask_instructions", "ask_responses", "asked_key", "asked_shards", "cards_key", "collect_seeds",
    "first_cards", "judged_key", "open_stage", "read_sources", "step_chain", "synthesis_folder", "write_answers",
    "write_asked", "write_cards", "write_judged",
]  # fmt: skip
