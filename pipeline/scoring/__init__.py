"""Score a model's candidates on held-out problems, and compare two models on the same problems."""

from pipeline.scoring.compare import compare_scores
from pipeline.scoring.diversity import Abundances, count_abundances, rarefied_distinct
from pipeline.scoring.errors import ScoringError
from pipeline.scoring.pass_at_k import estimate_pass_at_k
from pipeline.scoring.score import left_out, score_candidates
from pipeline.scoring.texts import gains_from_json, gains_to_json, score_from_json, score_to_json

__all__ = [
    "Abundances",
    "ScoringError",
    "compare_scores",
    "count_abundances",
    "estimate_pass_at_k",
    "gains_from_json",
    "gains_to_json",
    "left_out",
    "rarefied_distinct",
    "score_candidates",
    "score_from_json",
    "score_to_json",
]
