"""The flows `build` and `train`, and what every flow of a run ends with."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_link_artifact, create_table_artifact

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import (
    ApiKeys,
    load,
    no_key,
    open_chain,
    open_tools,
    run_crosscheck,
    run_problems,
    run_samples,
    run_whole,
)
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.state import changes_of_pairs, remembered
from pairsmith.pipeline.chain.table import stage_folder, stored_stages
from pairsmith.pipeline.evaluation.stage import list_sets
from pairsmith.pipeline.pairing.beside import FOLDER, broken_programs, still_broken
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.stage import split_shards
from pairsmith.pipeline.report.page import write_report
from pairsmith.pipeline.report.tables import HEADER, stage_rows, step_words, summary_lines
from pairsmith.pipeline.run.folder import MANIFEST
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.sampling.models import ResolvedModel, resolve_model
from pairsmith.pipeline.training.reading import fetch
from pairsmith.schemas.config import HELD_OUT, RunConfig
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.training import TrainingStep, TrainingSummary


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
    with kept(config), closing(open_tools(config, cache, config.run, api_keys)) as tools:
        chain = open_chain(config.run, config, tools)
        names = run_problems(chain, shards)
        if config.engine.kind == "ray":
            from pairsmith.flows.runtime.cluster import make_shards

            make_shards(config.run, names, config, cache)
        run_samples(chain, names)
        run_crosscheck(chain, names)
        run_repairs(chain, config, cache, api_keys)
        run_whole(chain, "pairs")


_MENDED = ("problems", "programs", "executions", "verdicts", "syntax")


def run_repairs(chain: Chain, config: RunConfig, cache: Path, api_keys: ApiKeys) -> None:
    """Have the model mend failing programs, where a policy asks for it: a chain of its own for each step."""
    policy, prompts = config.pairs.repairs, config.sampling.prompts
    if policy is None:
        return
    rows = {stage: chain.folder(stage).read_all() for stage in _MENDED}
    first = {row.problem_id: row for row in rows["problems"]}
    todo = broken_programs(rows, config.pairs.test_share, prompts)
    for step in range(1, policy.steps + 1):
        run = config.run / FOLDER / f"step-{step}"
        if not todo:
            shutil.rmtree(run, ignore_errors=True)  # of programs that are no more
            continue
        reporter().log(f"-- repairs, step {step}: {len(todo)} failing programs")
        sampling = config.sampling.model_copy(update={"n": policy.draws})
        own = config.model_copy(update={"run": run, "sampling": sampling})
        with closing(open_tools(own, cache, config.run, api_keys)) as tools:
            inner = open_chain(run, own, tools)
            names = run_problems(inner, split_shards(LoadedProblems(tuple(todo)), config.shard_problems))
            run_samples(inner, names)
            run_crosscheck(inner, names)
        rows = {stage: stage_folder(run, stage).read_all() for stage in _MENDED}
        todo = still_broken(rows, first, prompts)


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


@flow(name="train", validate_parameters=False)
def train(config: RunConfig, cache: Path) -> TrainingSummary:
    """Train an adapter on the pairs of a run that has been built."""
    from pairsmith.pipeline.training.checks import DISPLACED, is_displaced
    from pairsmith.pipeline.training.progress import TrainingPlan
    from pairsmith.pipeline.training.run import train as train_on

    settings = config.training
    is_first = settings.launch.machine_rank == 0  # of several machines one holds the run folder and writes to it
    with ExitStack() as held:
        if is_first:
            held.enter_context(locked(config.run, store=config.store))
        with kept(config) if is_first else nullcontext():
            if is_first and settings.reads_own_pairs() and (changes := changes_of_pairs(config.run, config)):
                more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
                reporter().log(
                    f"warning     the pairs were built with other settings ({changes[0]}{more}) and are used "
                    "as they are; `pairsmith build` with this configuration makes them again"
                )
            start = start_model(config, cache)
            with reporter().stage("training", 0, "steps") as bar:

                def plan(planned: TrainingPlan) -> None:
                    bar.expect_less(-planned.n_steps)

                steps: list[TrainingStep] = []
                rows = dataset_folder(config, cache)

                def count(step: TrainingStep) -> None:
                    bar.advance(1, step_words(step))
                    was_displaced = is_displaced(steps)
                    steps.append(step)
                    if is_displaced(steps) and not was_displaced:
                        reporter().log(f"step {step.step}: {DISPLACED}")

                summary = train_on(
                    rows, Path(start.source), settings, config.run / "training", config.seed, count,
                    model_name=start.name, on_plan=plan,
                )  # fmt: skip
        if is_first:
            finish(config)
    for line in summary_lines(summary):
        reporter().log(line)
    return summary


def start_model(config: RunConfig, cache: Path) -> ResolvedModel:
    """Return the model that training starts from, in a folder of this machine; one on the Hub is fetched."""
    training, sampling = config.training, config.sampling
    own = {"model": training.start, "revision": training.revision} if training.start else {}
    model = resolve_model(sampling.model_copy(update={"adapter": None, **own}), cache, reporter().log)
    if Path(model.source).is_dir():
        return model
    key = "training.start" if training.start else "sampling.model"
    return replace(model, source=str(fetch(model.source, "model", model.hub_revision, key)))


def dataset_folder(config: RunConfig, cache: Path) -> Path:
    """Return the folder of the rows to train on: the run's own, another, or several mixed."""
    training = config.training
    if training.datasets:
        return _mixed_folder(config, cache)
    return _folder_of(config, training.dataset, training.dataset_revision, "training.dataset")


def _folder_of(config: RunConfig, name: str, revision: str, key: str) -> Path:
    if not name:
        return config.run / "dataset"
    if Path(name).expanduser().exists():
        return Path(name).expanduser()
    return fetch(name, "dataset", revision or None, key)


def _mixed_folder(config: RunConfig, cache: Path) -> Path:
    """Mix the datasets of `training.datasets` into the run's folder `mixture`, and log what became of each."""
    from pairsmith.pipeline.training.mixture import protect, write_mixture

    datasets = [
        (dataset, _folder_of(config, dataset.path or dataset.hub, dataset.revision, "training.datasets"))
        for dataset in config.training.datasets
    ]
    share = config.pairs.test_share
    own = stage_folder(config.run, "problems").read_all() or _loaded(config, cache)
    problems = [row for row in own if split_of(row.problem_id, share) == "test"]
    problems += [row for part in list_sets(config) if part.name != HELD_OUT for row in _loaded(part.config, cache)]
    folder = config.run / "mixture"
    for report in write_mixture(datasets, protect(problems, config.syntax.benchmarks), share, folder, config.seed):
        dropped = ", ".join(f"{name} {n}" for name, n in sorted(report.dropped.items()))
        short = f"; {report.n_short} fewer than its share" if report.n_short else ""
        forms = ", ".join(f"{name} {n}" for name, n in sorted(report.forms.items()))
        reporter().log(f"dataset     {report.name}: {report.n_taken} of {report.n_rows} rows ({forms}){short}")
        if dropped:
            reporter().log(f"dataset     {report.name}: left out {dropped}")
    return folder


def _loaded(config: RunConfig, cache: Path) -> list[Problem]:
    return [row for part in load(config, cache).values() for row in part.problems]
