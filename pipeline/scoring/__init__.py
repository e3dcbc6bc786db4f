"""Score a model's candidates on held-out problems, and compare two models on the same problems."""

from pipeline.scoring.compare import compare_scores, compare_tags
from pipeline.scoring.diversity import Abundances, count_abundances, rarefied_distinct
from pipeline.scoring.errors import ScoringError
from pipeline.scoring.measures import Evidence, gather_evidence
from pipeline.scoring.pass_at_k import estimate_pass_at_k
from pipeline.scoring.score import left_out, score_candidates
from pipeline.scoring.slices import compare_slices, find_slices
from pipeline.scoring.texts import (
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
