"""The configuration of how much is drawn: a number of pairs, budgets, and prices."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from pairsmith.schemas.config.section import Section

_SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


def parse_count(given: object) -> object:
    """Return `20M`, `1.5k` or `3_000` as a whole number; anything else as it is, for pydantic to judge."""
    if isinstance(given, str) and (
        found := re.fullmatch(r"([\d_]+(?:\.\d+)?)\s*([kmgb]?)", given.strip().lower())
    ):
        return round(float(found[1].replace("_", "")) * _SUFFIXES.get(found[2], 1))
    return given


Count = Annotated[int, BeforeValidator(parse_count), Field(ge=1)]


class AdaptiveConfig(Section):
    """Draws in waves: more only where a problem has no pair yet. Used when `pairs` or a budget is set."""

    pairs: Count | None = Field(None, description="Stop when there are so many pairs.")
    first_n: int = Field(4, ge=2, description="Draws of a problem in its first wave.")
    step_n: int = Field(4, ge=1, description="Draws that each later wave adds to it.")
    max_n: int = Field(32, ge=2, description="Draws of a problem at most.")


class BudgetConfig(Section):
    """What a run may cost. Samples of the store count as if drawn now, so that a resumed run ends alike."""

    tokens: Count | None = Field(None, description="Drawn tokens; `20M` may be written. Never exceeded.")
    gpu_hours: float | None = Field(None, gt=0.0, description="Hours of sampling, times `prices.devices`.")
    money: float | None = Field(None, gt=0.0, description="In the currency of the prices.")


class PricesConfig(Section):
    """What sampling costs; 0.0 costs nothing."""

    currency: str = Field("USD", description="Written beside sums.")
    prompt_per_million: float = Field(0.0, ge=0.0, description="Price of a million prompt tokens.")
    completion_per_million: float = Field(0.0, ge=0.0, description="Price of a million drawn tokens.")
    device_hour: float = Field(0.0, ge=0.0, description="Price of one device for an hour.")
    devices: int = Field(1, ge=1, description="Devices that sample at the same time.")
