"""Arms: the ways in which a problem's candidates are drawn, and how many by each.

An arm is one entry of the schedule with one prompt template, for one model. Draws are dealt to the arms one by
one, each to the arm that lags most behind its share. So the first n draws are the same whatever n is, and a
larger n only adds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pairsmith.schemas.config.sampling import SamplingConfig, ScheduleConfig


@dataclass(frozen=True, slots=True)
class Source:
    """One model of a dataset.

    Attributes:
        config: the sampling section as it holds for this model alone.
        share: weight among all models, > 0.
    """

    config: SamplingConfig
    share: float


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to draw.

    Attributes:
        source: number of the model, from 0.
        template: name of the prompt template, or `auto`.
        weight: share of the draws, > 0; all arms' weights sum to 1.
    """

    source: int
    template: str
    temperature: float
    top_p: float
    weight: float


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw of a problem.

    Attributes:
        index: number among all draws of the problem, from 0.
        number: number among the draws of its arm, from 0.
    """

    arm: Arm
    index: int
    number: int


def list_sources(config: SamplingConfig) -> tuple[Source, ...]:
    """Return the models that a configuration names, each with the settings that hold for it."""
    if not config.models:
        return (Source(config, 1.0),)
    sources = []
    for model in config.models:
        given = {name: value for name, value in model if name != "share" and value not in (None, "")}
        # A model of its own has an adapter and a revision of its own, or none.
        own = {"models": (), "adapter": model.adapter, "revision": model.revision, "samples": model.samples}
        sources.append(Source(config.model_copy(update={**given, **own}), model.share))
    return tuple(sources)


def list_arms(sources: Sequence[Source]) -> tuple[Arm, ...]:
    """Return all arms, model by model."""
    arms = []
    total = sum(source.share for source in sources)
    for number, source in enumerate(sources):
        config = source.config
        schedule = config.schedule or (ScheduleConfig(temperature=config.temperature, top_p=config.top_p),)
        whole = sum(entry.share for entry in schedule) * len(config.templates) * total
        arms += [
            Arm(number, template, entry.temperature, entry.top_p, source.share * entry.share / whole)
            for entry in schedule
            for template in config.templates
        ]
    return tuple(arms)


def deal(arms: Sequence[Arm], n: int) -> list[Draw]:
    """Return the first n draws; those of a smaller n are the first of them."""
    counts = [0] * len(arms)
    draws = []
    for index in range(n):
        # Rounded, so that equal shares stay equal whatever the order of their sums; ties go to the first.
        lags = [round(arm.weight * (index + 1) - counts[i], 9) for i, arm in enumerate(arms)]
        chosen = lags.index(max(lags))
        draws.append(Draw(arms[chosen], index, counts[chosen]))
        counts[chosen] += 1
    return draws
