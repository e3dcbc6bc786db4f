"""The configuration of pairing: policies, guards, bounds, and the language model that judges pairs."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from pairsmith.schemas.config.section import Section, Share

PolicyName = Literal[
    "passed_over_failed",
    "partial_credit",
    "nearest_wrong",
    "likeliest_wrong",
    "cleaner",
    "best_of_n",
    "repaired",
]
Dimension = Literal["instruction", "explanation", "complexity", "readability", "style"]
# Defaults of `cleaner`: tags that reviewers ask for, and tags that linters warn of.
CLEAN = ("docstring", "type_hints_full")
MESSY = (
    "bare_except", "dead_code", "deep_nesting", "global_state", "input_in_function", "long_line",
    "mutable_default", "names_one_letter", "names_shadow_builtin", "print_in_function", "star_import",
)  # fmt: skip


class PolicyConfig(Section):
    """One policy and its share of the pairs."""

    name: PolicyName = "passed_over_failed"
    weight: float = Field(
        1.0, gt=0.0, description="A policy with weight 2 makes twice as many pairs as one with weight 1."
    )
    reach: int = Field(16, ge=1, le=1024, description="Candidates that are considered on each side of a problem.")
    min_gap: Share = Field(
        0.25, description="partial_credit: minimum difference between the shares of passed cases."
    )
    n: int = Field(8, ge=2, description="best_of_n: draws from which the best and the worst are selected.")
    prefer: tuple[str, ...] = Field(
        (), description="cleaner: preferred style tags; defaults if `avoid` is empty too."
    )
    avoid: tuple[str, ...] = Field((), description="cleaner: style tags to avoid.")
    dimensions: tuple[Dimension, ...] = Field(
        (), description="cleaner: dimensions of quality to compare; with them, only named tags count."
    )
    min_quality: float = Field(
        0.1, ge=0.0, le=1.0, description="cleaner: minimum mean gain over the dimensions, without a loss in any."
    )
    draws: int = Field(2, ge=1, description="repaired: samples for each failing program in each step.")
    steps: int = Field(
        1, ge=1, le=8, description="repaired: number of steps; each repairs the output of the previous one."
    )
    max_share: Share = Field(0.3, description="repaired: maximum share of a split's pairs.")

    def is_repair(self) -> bool:
        """Return whether the policy pairs repairs."""
        return self.name == "repaired"

    def tags(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the tags that `cleaner` wants and those that it does not want."""
        is_chosen = self.prefer or self.avoid or self.dimensions
        return (self.prefer, self.avoid) if is_chosen else (CLEAN, MESSY)


class PairsConfig(Section):
    """Policies and limits of pairs. The limits apply to each split, and so to the whole set."""

    policies: tuple[PolicyConfig, ...] = Field(
        (PolicyConfig(),), min_length=1, description="Policies; they share a problem's pairs."
    )
    reasoning: Literal["keep", "strip"] = Field(
        "keep",
        description="A model's thoughts in its completion: `keep` trains on the text with its thoughts, "
        "`strip` on the answer after them. Thoughts in a separate field of a server's response "
        "are never part of a pair's text.",
    )
    max_per_problem: int = Field(8, ge=1, description="Maximum number of pairs of one problem.")
    max_per_candidate: int = Field(2, ge=1, description="Maximum number of pairs of one candidate.")
    max_per_approach: int | None = Field(
        None, ge=1, description="Pairs of a problem whose chosen is of one near-duplicate cluster and behaviour."
    )
    test_share: Share = Field(0.25, description="Share of the problems held out, by hash of the id.")
    near_problems: float | None = Field(
        0.7,
        gt=0.0,
        le=1.0,
        description="Jaccard similarity of near-duplicate problems; none disables the comparison.",
    )
    max_trivial_share: Share = Field(0.2, description="Share of pairs whose rejected answer has no runnable code.")
    max_length_ratio: float | None = Field(
        8.0, gt=1.0, description="Characters of the longer answer over those of the shorter one."
    )
    max_length_auc: float = Field(
        0.6,
        ge=0.5,
        le=1.0,
        description="Maximum AUC with which length predicts the chosen answer; 1: no limit.",
    )
    max_style_auc: float = Field(
        0.65, ge=0.5, le=1.0, description="The same for style tags, measures and length together."
    )
    leakage: Literal["drop", "weigh"] = Field(
        "drop",
        description="How the two limits are enforced: `drop` removes pairs, `weigh` sets the column `weight`.",
    )
    rarity: float = Field(
        0.0,
        ge=0.0,
        le=2.0,
        description="Exponent of weights by rarity: the weight is the share of the chosen approach among the "
        "problem's right draws, to the power of minus this value. 1 weights all approaches "
        "equally, 0 all pairs.",
    )
    earlier: tuple[Path, ...] = Field(
        (), description="Run folders of the same problems whose candidates are used too; `rounds` sets it."
    )
    earlier_n: int = Field(
        0, ge=0, description="Number of candidates of a problem from these folders, the latest ones."
    )
    keep_approaches: bool = Field(
        False,
        description="Keep right programs of `earlier` from clusters that this run lacks, as chosen ones.",
    )

    @model_validator(mode="after")
    def _weighs_one_way(self) -> "PairsConfig":
        if self.rarity and self.leakage == "weigh":
            raise ValueError("rarity = 0 or leakage = drop: weights by rarity would undo those against leakage")
        return self

    @property
    def repairs(self) -> PolicyConfig | None:
        """Return the policy that pairs repairs; None where there is none."""
        return next((policy for policy in self.policies if policy.is_repair()), None)
