"""The flow `train`: aligns a model on the pairs of a run."""

from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

from prefect import flow

from pairsmith.flows.build import finish, kept
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.tables import step_words, summary_lines
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.sampling.models import ResolvedModel, resolve_model
from pairsmith.pipeline.training import fetch
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.training import TrainingStep, TrainingSummary


@flow(name="train", validate_parameters=False)
def train(config: RunConfig, cache: Path) -> TrainingSummary:
    """Train an adapter on the pairs of a run that has been built."""
    from pairsmith.pipeline.training import DISPLACED, Plan, is_displaced
    from pairsmith.pipeline.training import train as train_on

    settings = config.training
    is_first = settings.launch.machine_rank == 0  # of several machines one holds the run folder and writes to it
    with ExitStack() as held:
        if is_first:
            held.enter_context(locked(config.run, store=config.store))
        with kept(config) if is_first else nullcontext():
            start = start_model(config, cache)
            with reporter().stage("training", 0, "steps") as bar:

                def plan(planned: Plan) -> None:
                    bar.expect_less(-planned.n_steps)

                steps: list[TrainingStep] = []

                def count(step: TrainingStep) -> None:
                    bar.advance(1, step_words(step))
                    was_displaced = is_displaced(steps)
                    steps.append(step)
                    if is_displaced(steps) and not was_displaced:
                        reporter().say(f"step {step.step}: {DISPLACED}")

                summary = train_on(
                    dataset_folder(config), Path(start.source), settings, config.run / "training", config.seed,
                    count, model_name=start.name, cache=cache / "references", on_plan=plan,
                )  # fmt: skip
        if is_first:
            finish(config)
    for line in summary_lines(summary):
        reporter().say(line)
    return summary


def start_model(config: RunConfig, cache: Path) -> ResolvedModel:
    """Return the model that training starts from, in a folder of this machine; one on the Hub is fetched."""
    training, sampling = config.training, config.sampling
    own = {"model": training.start, "revision": training.revision} if training.start else {}
    with reporter().following("conversion") as follow:
        model = resolve_model(sampling.model_copy(update={"adapter": None, **own}), cache, reporter().say, follow)
    if Path(model.source).is_dir():
        return model
    key = "training.start" if training.start else "sampling.model"
    return replace(model, source=str(fetch(model.source, "model", model.hub_revision, key)))


def dataset_folder(config: RunConfig) -> Path:
    """Return the folder of the rows to train on: the run's own or another; one on the Hub is fetched."""
    name = config.training.dataset
    if not name:
        return config.run / "dataset"
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    return fetch(name, "dataset", config.training.dataset_revision or None, "training.dataset")
