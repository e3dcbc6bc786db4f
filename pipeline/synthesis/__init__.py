"""Synthesis: problems with tests, made from seed code by a chain of prompts and labelled by agreement.

`seeds` takes documented functions from any code; `asking` puts the questions of each step and `parsing` reads the
answers; `agreement` holds responses and generated tests against each other; `quality` says which problems are
kept, and `writing` writes them. `stages` and `agreeing` say what each shard depends on and write it. Others
import from here only.
"""

from pairsmith.pipeline.synthesis.agreeing import answers_key, judged_key, write_answers, write_judged
from pairsmith.pipeline.synthesis.agreement import Bin, Calibration, read_calibration
from pairsmith.pipeline.synthesis.asking import (
    STEPS,
    TEMPLATES,
    Asked,
    ask_concepts,
    ask_instructions,
    ask_responses,
    first_cards,
)
from pairsmith.pipeline.synthesis.seeds import Collected, collect_seeds, read_sources
from pairsmith.pipeline.synthesis.stages import (
    MADE_TOGETHER,
    PROBLEM_FILE,
    asked_key,
    asked_shards,
    cards_key,
    open_stage,
    step_chain,
    synthesis_folder,
    write_asked,
    write_cards,
)

__all__ = [
    "MADE_TOGETHER", "PROBLEM_FILE", "STEPS", "TEMPLATES", "Asked", "Bin", "Calibration", "Collected",
    "answers_key", "ask_concepts", "ask_instructions", "ask_responses", "asked_key", "asked_shards", "cards_key",
    "collect_seeds", "first_cards", "judged_key", "open_stage", "read_calibration", "read_sources", "step_chain",
    "synthesis_folder", "write_answers", "write_asked", "write_cards", "write_judged",
]  # fmt: skip
