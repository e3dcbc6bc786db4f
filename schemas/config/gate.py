"""The configuration of the gate before publishing."""

from typing import Literal

from pydantic import Field

from pairsmith.schemas.config.sampling import Texts
from pairsmith.schemas.config.section import Section


class GateConfig(Section):
    """What a model, and the dataset that it was trained on, must not lose to be published."""

    max_pass_fall: float = Field(0.0, ge=0.0, le=1.0, description="Fall of held-out pass@1 that is let through.")
    diversity: Literal["distinct_syntax", "distinct_behaviour", "distinct_passed"] = Field(
        "distinct_syntax", description="Measure of diversity: share of distinct ones among a problem's draws."
    )
    max_diversity_fall: float = Field(0.2, ge=0.0, le=1.0, description="Fall of it that is let through.")
    slices: Texts = Field((), description="Slices whose pass@1 must not fall, such as `topic=strings`.")
    max_slice_fall: float = Field(0.0, ge=0.0, le=1.0, description="Fall of a slice's pass@1 that is let through.")
    sets: Texts = Field((), description="Names of `evaluation.sets` whose pass@1 must not fall either.")
    evidence: Literal["significant", "estimate"] = Field(
        "significant",
        description="`significant`: a fall counts if it is more than is let through and significant; `estimate`: "
        "if it is more, whatever its interval.",
    )
    allow: Texts = Field((), description="Names of checks that are told, but hold nothing back: `diversity`.")
