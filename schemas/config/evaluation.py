"""The configuration of evaluation: models, problems, measures, the gate before publishing, and rounds."""

import json
import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pairsmith.schemas.config.judging import ProblemsConfig
from pairsmith.schemas.config.sampling import Backend, Texts
from pairsmith.schemas.config.section import Section, Share

HELD_OUT = "held-out"
_NAME = r"^[\w+.@-]{1,80}$"  # it becomes a folder's name


class ScoringConfig(Section):
    """Settings of scoring."""

    n: int = Field(8, ge=1, description="Candidates for each held-out problem.")
    k: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 4),
        description="k of pass@k, and number of draws to which diversity is rarefied; values over n are ignored.",
    )
    greedy: bool = Field(True, description="One more draw for each problem at temperature 0, for greedy pass@1.")
    n_bootstrap: int = Field(2000, ge=100, description="Resamples of the problems for the interval.")
    min_slice: int = Field(8, ge=1, description="Minimum number of problems of a reported slice.")


class EvaluatedSetConfig(ProblemsConfig):
    """One set of problems, named as in `problems`."""

    name: str = Field("", description="Empty: the source's name.")

    @model_validator(mode="after")
    def _has_a_name(self) -> "EvaluatedSetConfig":
        if not re.match(_NAME, self.title()) or self.title() == HELD_OUT:
            raise ValueError(f"name {self.title()!r} can't name a folder; letters, digits, + . @ and - only")
        return self

    def title(self) -> str:
        """Return the name of the set."""
        return self.name or self.dataset.replace("/", "-") or self.source


class EvaluatedModelConfig(Section):
    """One model, adapter, server or file of samples; keys that are not set have the values of `sampling`."""

    name: str = Field(pattern=_NAME)
    model: str = ""
    backend: Backend | None = None
    revision: str = ""
    adapter: Path | None = None
    samples: Path | None = Field(None, description="JSONL of samples: no model is run.")
    as_is: bool | None = Field(None, description="Run its samples unchanged.")
    base_url: Texts | None = None
    api_key_variable: str | None = None
    templates: Texts | None = None


class EvaluationConfig(Section):
    """Models and problem sets of an evaluation."""

    held_out: bool = Field(True, description="The held-out part of the run's own problems.")
    sets: tuple[EvaluatedSetConfig, ...] = Field((), description="Further sets of problems, all of them held out.")
    models: tuple[EvaluatedModelConfig, ...] = Field(
        (), description="Empty: the start and the trained model; else these, the first being the start."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> "EvaluationConfig":
        for names in ([problems.title() for problems in self.sets], [model.name for model in self.models]):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{twice[0]!r} comes twice; give each a name of its own")
        return self


class GateConfig(Section):
    """Limits on losses, for publishing a model and the dataset that it was trained on."""

    max_pass_fall: float = Field(0.0, ge=0.0, le=1.0, description="Allowed drop of held-out pass@1.")
    max_diversity_fall: float = Field(
        0.2, ge=0.0, le=1.0, description="Allowed drop of the share of distinct programs among a problem's draws."
    )
    slices: Texts = Field((), description="Slices whose pass@1 must not fall, such as `topic=strings`.")
    max_slice_fall: float = Field(0.0, ge=0.0, le=1.0, description="Allowed drop of a slice's pass@1.")
    sets: Texts = Field((), description="Names of `evaluation.sets` whose pass@1 must not fall either.")
    evidence: Literal["significant", "estimate"] = Field(
        "significant",
        description="`significant`: a fall counts if it exceeds the limit and is significant; `estimate`: if "
        "it exceeds the limit, whatever its interval.",
    )


def evaluation_overrides(
    on: Sequence[str],
    model: str | None = None,
    adapter: Path | None = None,
    samples: Path | None = None,
    limit: int | None = None,
) -> list[str]:
    """Return the overrides (`evaluation.sets=...`) that options of the command line mean.

    Args:
        on: sets: a source, one of EvoEval's subsets, or `name=file`, where a name of no source is own JSONL.
        model: model to evaluate alone, or the base of the adapter.
        adapter: adapter to evaluate against its model without it.
        samples: file of samples to evaluate.
        limit: problems of each of these sets at most.
    """
    found = []
    if on:
        sets = ", ".join(_set_of(name, limit) for name in on)
        found += ["evaluation.held_out=false", f"evaluation.sets=[{sets}]"]
    base = f", model = {json.dumps(model)}" if model else ""
    models = []
    if samples is not None:
        models.append(f'{{name = "samples", samples = {json.dumps(str(samples))}}}')
    if adapter is not None or model:
        models.append(f'{{name = "model"{base}}}')
    if adapter is not None:
        models.append(f'{{name = "adapter"{base}, adapter = {json.dumps(str(adapter))}}}')
    return [*found, f"evaluation.models=[{', '.join(models)}]"] if models else found


SOURCES: tuple[str, ...] = typing.get_args(ProblemsConfig.model_fields["source"].annotation)


def find_source(name: str) -> dict[str, str]:
    """Return the settings of `problems` for the name of a source or of one of EvoEval's subsets."""
    if name.startswith("EvoEval_"):
        return {"source": "evoeval", "dataset": name}
    return {"source": name} if name in SOURCES else {}


def _set_of(text: str, limit: int | None) -> str:
    name, _, path = text.partition("=")
    parts: dict[str, str | int] = {"name": name, **(find_source(name) or {"source": "jsonl"})}
    if path:
        parts["path"] = path
    if limit is not None:
        parts["limit"] = limit
    return "{" + ", ".join(f"{key} = {json.dumps(value)}" for key, value in parts.items()) + "}"


StopRule = Literal["gain", "gate"]
_OWN = ("run", "store", "seed", "rounds", "evaluation", "scoring", "gate")  # the same in all rounds


class RoundsConfig(Section):
    """Rounds: sample from the model of the previous round, pair, train, evaluate."""

    n: int = Field(3, ge=1, description="Maximum number of rounds.")
    start: Literal["previous", "start"] = Field(
        "previous",
        description="Model from which a round's training starts: the previous round's, or the start.",
    )
    reference: Literal["previous", "start"] = Field(
        "previous", description="Reference of the loss: the previous round's model, or the start."
    )
    fresh: Share = Field(
        1.0,
        description="Share of `sampling.n` that a round samples; the rest are candidates of earlier rounds.",
    )
    replay: float = Field(
        0.0, ge=0.0, lt=1.0, description="Share of training rows that are pairs of earlier rounds."
    )
    solved: float | None = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Train problems with this pass rate in the last round that sampled them are left out; "
        "`none` keeps all.",
    )
    retry: int | None = Field(
        None,
        ge=1,
        description="Rounds in a row without a passed candidate until a train problem is left out; none keeps it.",
    )
    stop: tuple[StopRule, ...] = Field(
        ("gain", "gate"),
        description="Rules that end the rounds: `gain` after two rounds without a significant gain of pass@1, "
        "`gate` after a failed check.",
    )
    tokens: int | None = Field(
        None, ge=1, description="No round begins when earlier ones drew so many tokens; none sets no limit."
    )
    by_round: tuple[dict[str, Any], ...] = Field(
        (),
        description="Overrides of the configuration, each from its round on: `[{}, {training = "
        "{learning_rate = 1e-5}, sampling = {temperature = 1.0}}]` changes both from round 2 on.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "RoundsConfig":
        if self.start == "start" and self.reference == "previous":
            raise ValueError("start = start with reference = previous: policy and reference would start apart")
        for number, tree in enumerate(self.by_round, start=1):
            for section in sorted(set(tree) & set(_OWN)):
                raise ValueError(f"by_round, round {number}: {section} is the same in all rounds")
        return self
