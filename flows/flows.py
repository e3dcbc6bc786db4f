"""The flows: build the pairs, train on them, evaluate what it gained and cost; `demo` runs all three."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_link_artifact, create_table_artifact

from pairsmith.flows.evaluating import Evaluated, evaluate_run, mark_run, opened
from pairsmith.flows.metering import compare
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import (
    load,
    open_chain,
    run_crosscheck,
    run_judgements,
    run_pairs,
    run_problems,
    run_samples,
)
from pairsmith.flows.tables import HEADER, stage_rows, step_words, summary_lines
from pairsmith.flows.waves import is_adaptive, run_waves
from pairsmith.pipeline.chain.provenance import remembered
from pairsmith.pipeline.chain.table import stored_stages
from pairsmith.pipeline.evaluation.plan import trained_sampling
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.report import write_report
from pairsmith.pipeline.run.folder import MANIFEST
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.sampling.models import ResolvedModel, resolve_model
from pairsmith.pipeline.training import fetch
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.training import TrainingStep, TrainingSummary

ApiKeys = Callable[[str], str | None]


def no_key(variable: str) -> None:
    """Return no key, whatever is asked for."""
    return


@flow(name="build", validate_parameters=False)
def build(config: RunConfig, cache: Path, api_keys: ApiKeys | None = None) -> Path:
    """Make the pairs of a run, stage by stage (see `pipeline.chain.table`).

    Returns the folder of the pairs.
    """
    with locked(config.run, store=config.store):
        build_run(config, cache, api_keys or no_key, load(config, cache))
        finish(config)
    return config.run / "pairs"


def build_run(config: RunConfig, cache: Path, api_keys: ApiKeys, shards: Mapping[str, LoadedProblems]) -> None:
    """Make the stages of a run whose folder is locked, from these problems."""
    with kept(config), opened(config, cache, api_keys) as tools:
        chain = open_chain(config.run, config, tools)
        names = run_problems(chain, shards)

        def pair() -> None:
            run_crosscheck(chain, names)
            run_pairs(chain)

        meters = []

        def draw(n_each: Mapping[str, int] | None) -> float:
            if config.engine.kind == "ray":
                from pairsmith.flows.runtime.cluster import make_shards

                make_shards(config.run, names, config, cache, n_each)
            meters.append(run_samples(open_chain(config.run, config, tools, n_each), names))
            return meters[-1].seconds()

        if is_adaptive(config):
            run_waves(config.run, config, draw, pair)
        else:
            draw(None)
            pair()
        compare(meters, config, cache, chain.n_rows("pairs"))
        run_judgements(chain)


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


@flow(name="evaluate", validate_parameters=False)
def evaluate(config: RunConfig, cache: Path, api_keys: ApiKeys | None = None) -> list[Evaluated]:
    """Score the start and what the run trained, or other models, on held-out problems and further sets.

    The run need not have been built. What training lost is marked in `gate.json`.
    """
    with locked(config.run, store=config.store):
        with kept(config):
            evaluated = evaluate_run(config, cache, api_keys or no_key, trained_sampling(config))
            mark_run(config, evaluated)
        finish(config)
    return evaluated


@flow(name="demo", validate_parameters=False)
def demo(config: RunConfig, cache: Path, api_keys: ApiKeys | None = None) -> list[Evaluated]:
    """Build, train and evaluate."""
    build(config, cache, api_keys)
    train(config, cache)
    return evaluate(config, cache, api_keys)


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


def finish(config: RunConfig) -> None:
    """Write the report, and artifacts: the counts of each stage as a table, and a link to the report.

    A run that trains on rows from elsewhere, or only evaluates, has no stage to report on.
    """
    if not any((config.run / stage / MANIFEST).is_file() for stage in stored_stages()):
        return
    report = write_report(config.run)
    rows = [dict(zip(HEADER, row, strict=True)) for row in stage_rows(config.run)]
    create_table_artifact(rows, key="pairsmith-stages", description=f"Stages of {config.run.name}")
    create_link_artifact(report.resolve().as_uri(), "report", key="pairsmith-report")


@contextmanager
def kept(config: RunConfig) -> Iterator[None]:
    """Keep in the run folder what it is made with, and how far it is."""
    with remembered(config), reporter().published(config.run):
        yield
