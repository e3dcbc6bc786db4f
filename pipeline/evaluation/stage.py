"""The part `evaluation` of a run: it has no shards of its own, but a chain below it for each model and set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pairsmith.pipeline.chain.stage import LIMITS, Planned, Stage
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.training.run import result_of
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.evaluation import HELD_OUT, EvaluatedModelConfig
from pairsmith.schemas.config.sampling import SamplingConfig, ScheduleConfig
from pairsmith.schemas.problem import Problem

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class Subject:
    """One model that is evaluated."""

    name: str  # names its folder; the first of all subjects is the start that others are compared with
    words: str  # what it is, for the reader: never an absolute path
    # How it is drawn from: `scoring.n` samples per problem, and a greedy one if that is asked for.
    sampling: SamplingConfig


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """One set of problems that models are evaluated on."""

    name: str  # `held-out`, or as configured
    folder: Path  # where its scores go: `evaluation`, or below it
    config: RunConfig  # the run's configuration with the set's problems


def list_subjects(config: RunConfig, trained: SamplingConfig | None) -> list[Subject]:
    """Return the models to evaluate: those that are configured, else the start, and what the run trained."""
    if config.evaluation.models:
        return [_configured(config, model) for model in config.evaluation.models]
    start = start_sampling(config)
    words = Path(start.model).name
    subjects = [Subject(BEFORE, words, _drawn(config, start))]
    if trained is not None:
        what = "adapter" if trained.adapter is not None else config.training.method
        subjects.append(Subject(AFTER, f"{words} + {what}", _drawn(config, trained)))
    return subjects


def start_sampling(config: RunConfig) -> SamplingConfig:
    """Return how the model is drawn from that training starts at."""
    sampling = config.sampling
    changes: dict[str, object] = {"samples": None}
    if config.training.start:
        changes |= {"model": config.training.start, "revision": config.training.revision}
    changes["adapter"] = config.training.adapter
    if sampling.backend == "files":
        changes["backend"] = "auto"
    return sampling.model_copy(update=changes)


def trained_sampling(config: RunConfig) -> SamplingConfig | None:
    """Return how the model is drawn from that a run trained; None where it trained nothing."""
    base, adapter = result_of(config.run / "training")
    if base is None and adapter is None:
        return None
    changes: dict[str, object] = {"adapter": adapter}
    if base is not None:
        changes |= {"model": str(base), "revision": ""}
    return start_sampling(config).model_copy(update=changes)


def list_sets(config: RunConfig) -> list[ProblemSet]:
    """Return the sets to evaluate on: the run's held-out problems first."""
    folder = config.run / "evaluation"
    config = config.model_copy(update={"extraction": config.extraction.for_evaluation()})
    sets = [ProblemSet(HELD_OUT, folder, config)] if config.evaluation.held_out else []
    for problems in config.evaluation.sets:
        settings = config.model_copy(update={"problems": problems})
        sets.append(ProblemSet(problems.title(), folder / "sets" / problems.title(), settings))
    return sets


def trained_problems(problems: Iterable[Problem], share: float) -> set[str]:
    """Return the ids of a run's problems that pairs for training may be made of."""
    return {row.problem_id for row in problems if split_of(row.problem_id, share) == "train"}


def greedy_draws(candidates: Sequence[Candidate]) -> set[str]:
    """Return the ids of the greedy draws, where others are not greedy."""
    cold = {row.candidate_id for row in candidates if row.temperature == 0.0}
    return cold if len(cold) < len(candidates) else set()


def gains_path(folder: Path, subject: str, name: str) -> Path:
    """Return where a subject's gains are written: next to the two folders in the usual case."""
    return folder / name if subject == AFTER else folder / subject / name


def _configured(config: RunConfig, model: EvaluatedModelConfig) -> Subject:
    given = {key: value for key, value in model if key != "name" and value not in (None, "")}
    own: dict[str, object] = {
        "adapter": model.adapter,
        "revision": model.revision,
        "samples": model.samples,
    }
    if model.samples is not None:
        own["backend"] = "files"
    elif config.sampling.backend == "files" and model.backend is None:
        own["backend"] = "auto"
    sampling = config.sampling.model_copy(update={**given, **own})
    words = model.samples.name if model.samples is not None else Path(sampling.model).name
    words += f" + {model.adapter.name}" if model.adapter is not None else ""
    return Subject(model.name, words, _drawn(config, sampling))


def _drawn(config: RunConfig, sampling: SamplingConfig) -> SamplingConfig:
    """Return how a model is drawn from: samples by one temperature, and a greedy one in the same go."""
    n = config.scoring.n
    schedule: tuple[ScheduleConfig, ...] = ()
    if config.scoring.greedy and sampling.samples is None and sampling.temperature > 0.0:
        warm = ScheduleConfig(share=n, temperature=sampling.temperature, top_p=sampling.top_p)
        schedule = (warm, ScheduleConfig(share=1, temperature=0.0, top_p=1.0))
        n += 1
    return sampling.model_copy(update={"n": n, "schedule": schedule, "templates": sampling.templates[:1]})


def _planned(planned: Planned) -> str:
    config = planned.config
    held_out = f"{planned.n_held_out:,} held-out problem{'s' * (planned.n_held_out != 1)}"
    sets = [held_out] if config.evaluation.held_out else []
    sets += [problem_set.title() for problem_set in config.evaluation.sets]
    models = ", ".join(model.name for model in config.evaluation.models) or "before and after"
    return f"{', '.join(sets)}; {config.scoring.n} candidates each; {models}"


STAGE = Stage(
    name="evaluation",
    about="pass@k next to diversity on held-out problems, before and after; measures",
    record=None,
    reads=("problems", "training"),
    settings=("scoring", "evaluation", "sampling", *LIMITS, "seed"),
    planned=_planned,
    last_file="gains.json",
)
