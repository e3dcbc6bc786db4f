"""Score a model's candidates on held-out problems, and compare two models on the same problems."""

from pairsmith.pipeline.evaluation.scores.compare import compare_scores, compare_tags
from pairsmith.pipeline.evaluation.scores.diversity import Abundances, count_abundances, rarefied_distinct
from pairsmith.pipeline.evaluation.scores.errors import ScoringError
from pairsmith.pipeline.evaluation.scores.measures import Evidence, gather_evidence
from pairsmith.pipeline.evaluation.scores.pass_at_k import estimate_pass_at_k
from pairsmith.pipeline.evaluation.scores.score import left_out, score_candidates
from pairsmith.pipeline.evaluation.scores.slices import compare_slices, find_slices
from pairsmith.pipeline.evaluation.scores.texts import (
    gains_from_json,
    gains_to_json,
    score_from_json,
    score_to_json,
    slices_from_json,
    slices_to_json,
)

__all__ = [
    "Abundances",
    "Evidence",
    "ScoringError",
    "compare_scores",
    "compare_slices",
    "compare_tags",
    "count_abundances",
    "estimate_pass_at_k",
    "find_slices",
    "gains_from_json",
    "gains_to_json",
    "gather_evidence",
    "left_out",
    "rarefied_distinct",
    "score_candidates",
    "score_from_json",
    "score_to_json",
    "slices_from_json",
    "slices_to_json",
]
