"""Draws in waves and what draws take: more samples where they are worth their tokens, until the budget is spent.

A problem can have a pair when one of its candidates passes and one fails. Pass rates are taken as drawn from a
beta distribution over the problems, fitted by moments; so the outcomes of a problem predict how many pairs m more
draws should bring. Problems are taken by expected pairs a draw, and no more than the missing pairs need. Without
a number of pairs to reach, only problems without a pair are drawn again. Nothing here depends on time but the
budgets of hours and money: a resumed run takes the same waves. Forecasts rest on what earlier runs of the same
model measured.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import TypeAdapter

from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.models import choose_backend
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.run import AdaptiveConfig, BudgetConfig, PricesConfig
from pairsmith.schemas.config.sampling import MAX_TOKENS

Reason = Literal["pairs", "tokens", "gpu_hours", "money", "exhausted", ""]
MIN_PROBLEMS = 8  # of one wave: fewer would leave the model idle
_VAGUE = (0.5, 0.5)  # Jeffreys' prior, before anything is known
_NARROWEST = 50.0  # a + b at most: a few problems alike don't make all alike
_NO_GAIN = 1e-9  # what rounding leaves of none
_DRAWN_TO_MEAN = 1.0  # possible pairs that the mean counts as, beside a problem's own
_LEAST_KEPT = 0.05  # of the possible pairs, so that guards that left none so far don't end the run


@dataclass(frozen=True, slots=True)
class ProblemDraws:
    """What is known of one problem."""

    problem_id: str
    n: int  # draws asked for so far
    n_passed: int = 0
    n_failed: int = 0
    n_pairs: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What sampling took so far."""

    tokens: int = 0
    prompt_tokens: int = 0
    sampling_s: float = 0.0  # in which models were drawing

    def money(self, prices: PricesConfig) -> float:
        """Return the price of it."""
        per_million = self.prompt_tokens * prices.prompt_per_million + self.tokens * prices.completion_per_million
        return per_million / 1e6 + self.device_hours(prices) * prices.device_hour

    def device_hours(self, prices: PricesConfig) -> float:
        """Return the hours of all devices together."""
        return self.sampling_s / 3600 * prices.devices


@dataclass(frozen=True, slots=True)
class Bounds:
    """What bounds the pairs of a problem (see `schemas.config.pairs`)."""

    max_per_problem: int
    max_per_candidate: int

    def pairs(self, n_passed: int, n_failed: int) -> int:
        """Return the pairs that so many candidates could make at most, before any guard."""
        return min(self.max_per_problem, n_passed * n_failed, self.max_per_candidate * min(n_passed, n_failed))


@dataclass(frozen=True, slots=True)
class Wave:
    """What is to be drawn next."""

    n_each: Mapping[str, int]  # draws a problem in all, those of earlier waves included; empty for no further wave
    reason: Reason = ""  # why there is none


def fit_prior(standings: Sequence[ProblemDraws]) -> tuple[float, float]:
    """Return a and b of the beta distribution of pass rates, by moments; vague for fewer than 5 problems."""
    rates = [(s.n_passed / n, n) for s in standings if (n := s.n_passed + s.n_failed) > 0]
    if len(rates) < 5:
        return _VAGUE
    mean = sum(rate for rate, _ in rates) / len(rates)
    mean = min(max(mean, 0.01), 0.99)
    variance = sum((rate - mean) ** 2 for rate, _ in rates) / (len(rates) - 1)
    # Of the variance, binomial noise of n draws is a part: var = m(1-m) (1 + (n-1) rho) / n, with rho = 1/(a+b+1).
    n_mean = len(rates) / sum(1 / n for _, n in rates)
    if n_mean <= 1.0:
        return _VAGUE
    rho = (variance * n_mean / (mean * (1 - mean)) - 1) / (n_mean - 1)
    size = min(max(1 / min(max(rho, 1e-6), 0.9) - 1, 0.1), _NARROWEST)
    return mean * size, (1 - mean) * size


def expected_gain(n_passed: int, n_failed: int, n_more: int, prior: tuple[float, float], bounds: Bounds) -> float:
    """Return the pairs, before any guard, that `n_more` draws should add to a problem, >= 0.

    Source: beta-binomial predictive distribution: Gelman et al., Bayesian Data Analysis, 3rd edition, section 2.4.
    """
    from scipy.stats import betabinom  # only where draws come in waves

    chances = betabinom.pmf(np.arange(n_more + 1), n_more, prior[0] + n_passed, prior[1] + n_failed)
    pairs = [bounds.pairs(n_passed + n, n_failed + n_more - n) for n in range(n_more + 1)]
    return max(0.0, float(chances @ pairs) - bounds.pairs(n_passed, n_failed))


def next_wave(
    standings: Sequence[ProblemDraws],
    spent: Spent,
    adaptive: AdaptiveConfig,
    budget: BudgetConfig,
    prices: PricesConfig,
    max_tokens: int,
    bounds: Bounds,
) -> Wave:
    """Return what to draw next.

    Args:
        max_tokens: tokens of one draw at most: a wave is sized so that even this stays in the budget of tokens.
    """
    n_pairs = sum(standing.n_pairs for standing in standings)
    if adaptive.pairs is not None and n_pairs >= adaptive.pairs:
        return Wave({}, "pairs")
    over = exceeded(spent, budget, prices)
    if over:
        return Wave({}, over)
    missing = math.inf if adaptive.pairs is None else adaptive.pairs - n_pairs
    tokens_left, tightest = _tokens_left(spent, budget, prices)
    wave: dict[str, int] = {}
    expected = 0.0
    reason: Reason = "exhausted"
    for gain, standing, n_more in _by_yield(standings, adaptive, bounds):
        if expected >= missing and len(wave) >= MIN_PROBLEMS:
            break
        n_more = int(min(n_more, tokens_left / max_tokens))
        if n_more < 1:
            reason = tightest
            break
        wave[standing.problem_id] = n_more
        tokens_left -= n_more * max_tokens
        expected += gain
    if not wave:
        return Wave({}, reason)
    return Wave({standing.problem_id: standing.n + wave.get(standing.problem_id, 0) for standing in standings})


def exceeded(spent: Spent, budget: BudgetConfig, prices: PricesConfig) -> Reason:
    """Return the budget that is spent, if one is."""
    if budget.tokens is not None and spent.tokens >= budget.tokens:
        return "tokens"
    if budget.gpu_hours is not None and spent.device_hours(prices) >= budget.gpu_hours:
        return "gpu_hours"
    if budget.money is not None and spent.money(prices) >= budget.money:
        return "money"
    return ""


def _by_yield(
    standings: Sequence[ProblemDraws], adaptive: AdaptiveConfig, bounds: Bounds
) -> list[tuple[float, ProblemDraws, int]]:
    """Return problems that may bring pairs, with the expected pairs and the draws of one wave, best first.

    Of the possible pairs guards leave a share: a problem's own share, drawn to the mean of all. Where a model
    repeats itself, more draws bring duplicates, and the problem has shown that already.
    """
    prior = fit_prior(standings)
    possible = [bounds.pairs(standing.n_passed, standing.n_failed) for standing in standings]
    found = sum(standing.n_pairs for standing in standings)
    kept = min(max(found / sum(possible), _LEAST_KEPT), 1.0) if any(possible) else 1.0
    rows = []
    for standing, n_possible in zip(standings, possible, strict=True):
        n_more = min(adaptive.step_n if standing.n else adaptive.first_n, adaptive.max_n - standing.n)
        if n_more < 1 or (standing.n_pairs and adaptive.pairs is None):
            continue
        gain = expected_gain(standing.n_passed, standing.n_failed, n_more, prior, bounds)
        gain *= (standing.n_pairs + _DRAWN_TO_MEAN * kept) / (n_possible + _DRAWN_TO_MEAN)
        if gain > _NO_GAIN:
            rows.append((gain, standing, n_more))
    return sorted(rows, key=lambda row: (-row[0] / row[2], row[1].problem_id))


def _tokens_left(spent: Spent, budget: BudgetConfig, prices: PricesConfig) -> tuple[float, Reason]:
    """Return the tokens that the tightest budget leaves, at the price and rate so far, and that budget's name."""
    left: list[tuple[float, Reason]] = [(math.inf, "")]
    if budget.tokens is not None:
        left.append((budget.tokens - spent.tokens, "tokens"))
    if spent.tokens:
        if budget.gpu_hours is not None and spent.sampling_s:
            each = spent.device_hours(prices) / spent.tokens
            left.append(((budget.gpu_hours - spent.device_hours(prices)) / each, "gpu_hours"))
        if budget.money is not None and (each := spent.money(prices) / spent.tokens):
            left.append(((budget.money - spent.money(prices)) / each, "money"))
    elif budget.money is not None and prices.completion_per_million:
        left.append((budget.money / prices.completion_per_million * 1e6, "money"))
    return min(left)


# Of max_tokens that an answer takes, where none of this model was seen: answers end with their code.
_GUESSED_SHARE = 0.6
_SEEN_FILE = "measured.json"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What some draws will take; None where nothing is known of it."""

    tokens: float  # drawn tokens
    sampling_s: float | None  # seconds of sampling
    money: float | None

    def words(self, currency: str) -> str:
        """Return one line, such as `1,200 tokens, 60 s, 0.02 USD`."""
        parts = [f"{self.tokens:,.0f} tokens"]
        if self.sampling_s is not None:
            parts.append(f"{self.sampling_s:,.0f} s")
        if self.money:
            parts.append(f"{self.money:,.2f} {currency}")
        return ", ".join(parts)

    def plus(self, other: "Forecast") -> "Forecast":
        """Return the forecast of both; what one of them doesn't know is not known."""

        def both(mine: float | None, theirs: float | None) -> float | None:
            return mine + theirs if mine is not None and theirs is not None else None

        return Forecast(
            self.tokens + other.tokens, both(self.sampling_s, other.sampling_s), both(self.money, other.money)
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What earlier runs measured of a model."""

    tokens: float  # drawn tokens a candidate, in the mean; `prompt_tokens` likewise
    prompt_tokens: float
    rate: float  # drawn tokens a second


_SEEN = TypeAdapter(dict[str, Seen])


def forecast_before(config: RunConfig, cache: Path, n_missing: int, step: str = "") -> tuple[Forecast, bool]:
    """Return the forecast of a run that hasn't begun, and whether it rests on measures of earlier runs.

    Args:
        n_missing: candidates to draw.
        step: step of synthesis; empty for solutions of problems.
    """
    seen = read_seen(cache).get(seen_key(config, step))
    return make_forecast(seen, config, n_missing), seen is not None


def make_forecast(seen: Seen | None, config: RunConfig, n_missing: int) -> Forecast:
    """Return the forecast of draws; where no draw was seen, the tokens are a guess and all else is unknown."""
    prices = config.prices
    if seen is None:
        limit = config.sampling.fixed_max_tokens or MAX_TOKENS
        seen = Seen(limit * _GUESSED_SHARE, 0.0, 0.0)
    tokens, seconds, money = n_missing * seen.tokens, None, None
    if seen.rate > 0:
        seconds = tokens / seen.rate
    if seconds is not None or not prices.device_hour:
        read = n_missing * seen.prompt_tokens
        money = (read * prices.prompt_per_million + tokens * prices.completion_per_million) / 1e6
        money += (seconds or 0.0) / 3600 * prices.devices * prices.device_hour
    return Forecast(tokens, seconds, money)


def seen_key(config: RunConfig, step: str = "") -> str:
    """Return the name under which measures of a model are kept: what changes them much is part of it."""
    sampling = config.sampling
    models = ",".join(model.model for model in sampling.models) or sampling.model
    adapter = sampling.adapter.name if sampling.adapter is not None else ""
    problems = f"{config.problems.source}|{','.join(config.problems.levels)}"
    return f"{models}|{adapter}|{choose_backend(sampling)}|{step or problems}"


def read_seen(cache: Path) -> dict[str, Seen]:
    """Return what was measured in earlier runs, by `seen_key`; nothing where there is no such file."""
    try:
        return _SEEN.validate_json((cache / _SEEN_FILE).read_bytes())
    except (OSError, ValueError):
        return {}


def keep_seen(cache: Path, seen: Mapping[str, Seen]) -> None:
    """Add measures to those of earlier runs."""
    write_whole(cache / _SEEN_FILE, _SEEN.dump_json({**read_seen(cache), **seen}, indent=1) + b"\n")
