"""Score a model's candidates on held-out problems, and compare two models on the same problems."""

from pairsmith.pipeline.evaluation.scores.compare import compare_scores, compare_tags
from pairsmith.pipeline.evaluation.scores.kinds import (
    Abundances,
    ScoringError,
    count_abundances,
    estimate_pass_at_k,
    rarefied_distinct,
)
from pairsmith.pipeline.evaluation.scores.measures import MeasureInputs, gather_measure_inputs
from pairsmith.pipeline.evaluation.scores.score import (
    gains_from_json,
    left_out,
    make_reader,
    score_candidates,
    score_from_json,
    scores_to_json,
    slices_from_json,
)
from pairsmith.pipeline.evaluation.scores.slices import compare_slices, find_slices

__all__ = [
    "Abundances",
    "MeasureInputs",
    "ScoringError",
    "compare_scores",
    "compare_slices",
    "compare_tags",
    "count_abundances",
    "estimate_pass_at_k",
    "find_slices",
    "gains_from_json",
    "gather_measure_inputs",
    "left_out",
    "make_reader",
    "rarefied_distinct",
    "score_candidates",
    "score_from_json",
    "scores_to_json",
    "slices_from_json",
]
