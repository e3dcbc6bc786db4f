"""The flows: build the pairs, train on them, evaluate what it gained and cost; `demo` runs all three."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.chain import (
    STAGES,
    count_rows,
    load,
    run_judgements,
    run_pairs,
    run_problems,
    run_samples,
    run_truth,
)
from flows.reporting import reporter
from flows.tables import markdown_table, stage_rows
from flows.tools import Tools, locked
from flows.waves import is_adaptive, run_waves
from pipeline.folder import write_whole
from pipeline.gate import judge_gate, model_digest, write_gate
from pipeline.pairing import split_of
from pipeline.problems.records import LoadedProblems
from pipeline.report import write_report
from pipeline.sampling.models import resolve_model
from pipeline.scoring import compare_scores, count_abundances, gains_to_json, score_candidates, score_to_json
from pipeline.scoring.diversity import Abundances
from pipeline.stages import split_shards, stage_folder
from schemas.config import RunConfig
from schemas.problem import Problem
from schemas.score import Gain, Score
from schemas.training import TrainingStep, TrainingSummary

Scored = tuple[Score, dict[str, Abundances]]
ApiKeys = Callable[[str], str | None]


def _no_key(variable: str) -> None:
    return None


@flow(name="build", validate_parameters=False)
def build(config: RunConfig, cache: Path, api_keys: ApiKeys = _no_key) -> Path:
    """Make the pairs of a run, stage by stage (see `flows.chain.STAGES`).

    Returns the folder of the pairs.
    """
    with locked(config.run), _tools(config, cache, api_keys) as tools:
        names = run_problems(config.run, load(config), tools)

        def pair() -> None:
            run_truth(config.run, names, config, tools)
            run_pairs(config.run, config)

        if is_adaptive(config):

            def draw(n_each: Mapping[str, int]) -> float:
                return run_samples(config.run, names, config, tools, n_each).seconds()

            run_waves(config.run, config, draw, pair)
        else:
            meter = run_samples(config.run, names, config, tools)
            pair()
            meter.compare(count_rows(config.run, "pairs"))
        run_judgements(config.run, config, tools)
    _finish(config)
    return config.run / "pairs"


@flow(name="train", validate_parameters=False)
def train(config: RunConfig, cache: Path) -> TrainingSummary:
    """Train an adapter on the pairs of a run that has been built."""
    from pipeline.training import train_dpo

    settings = config.training
    with locked(config.run):
        folder = start_folder(config, cache)
        files = sorted((config.run / "pairs").glob("train-*.parquet"))
        with reporter().stage("training", settings.max_steps, "steps") as bar:

            def count(step: TrainingStep) -> None:
                bar.advance(1, f"loss {step.loss:.3f}, accuracy {step.reward_accuracy:.2f}")

            name = settings.model or config.sampling.model
            summary = train_dpo(
                files, folder, settings, config.run / "training", config.seed, count, model_name=Path(name).name
            )
    left_out = f", {summary.n_too_long} longer than max_length left out" if summary.n_too_long else ""
    reporter().say(f"training    on {summary.n_pairs} pairs{left_out}; first loss {summary.first_loss:.4f} (ln 2)")
    _finish(config)
    return summary


@flow(name="evaluate", validate_parameters=False)
def evaluate(config: RunConfig, cache: Path, api_keys: ApiKeys = _no_key) -> tuple[Gain, ...]:
    """Score the start and the adapter on the held-out problems of a run that has been built."""
    with locked(config.run):
        before, counts_before = _score(config, cache, api_keys, "before", None)
        gains: tuple[Gain, ...] = ()
        adapter = config.run / "training" / "adapter"
        if adapter.is_dir():
            after, counts_after = _score(config, cache, api_keys, "after", adapter)
            abundances = (counts_before, counts_after)
            gains = compare_scores(before, after, config.scoring, config.seed, abundances)
            write_whole(config.run / "evaluation" / "gains.json", gains_to_json(gains).encode())
            gate = judge_gate(gains, {}, {}, config.gate, model_digest(config.run))
            write_gate(config.run, gate)
            for check in gate.refusals():
                reporter().say(f"gate        {check.reason}")
    _finish(config)
    return gains


@flow(name="demo", validate_parameters=False)
def demo(config: RunConfig, cache: Path, api_keys: ApiKeys = _no_key) -> tuple[Gain, ...]:
    """Build, train and evaluate."""
    build(config, cache, api_keys)
    train(config, cache)
    return evaluate(config, cache, api_keys)


def start_folder(config: RunConfig, cache: Path) -> Path:
    """Return the folder of the model that training starts from; one on the Hub is fetched."""
    sampling = config.sampling.model_copy(
        update={"adapter": None, "model": config.training.model or config.sampling.model}
    )
    with reporter().following("conversion") as follow:
        model = resolve_model(sampling, cache, reporter().say, follow)
    if Path(model.source).is_dir():
        return Path(model.source)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model.source, revision=model.hub_revision))


def scoring_config(config: RunConfig, name: str, adapter: Path | None) -> RunConfig:
    """Return the configuration that held-out problems are sampled with."""
    sampling = config.sampling
    backend = "auto" if sampling.backend == "files" else sampling.backend
    changes = {
        "n": config.scoring.n, "adapter": adapter, "samples": None, "backend": backend, "models": (),
        "schedule": (), "templates": config.sampling.templates[:1],
    }  # fmt: skip
    run = config.run / "evaluation" / name
    return config.model_copy(update={"run": run, "sampling": sampling.model_copy(update=changes)})


def _score(config: RunConfig, cache: Path, api_keys: ApiKeys, name: str, adapter: Path | None) -> Scored:
    reporter().say(f"-- {name}: held-out problems")
    scoring = scoring_config(config, name, adapter)
    problems: list[Problem] = stage_folder(config.run, "problems").read_all()
    share = config.pairs.test_share
    held_out = tuple(problem for problem in problems if split_of(problem.problem_id, share) == "test")
    # The start has drawn for these problems already: they are in the store, and only what is missing is drawn.
    with _tools(scoring, cache, api_keys, config.run) as tools:
        names = run_problems(scoring.run, split_shards(LoadedProblems(held_out), config.shard_problems), tools)
        run_samples(scoring.run, names, scoring, tools)
    verdicts, syntax = (stage_folder(scoring.run, stage).read_all() for stage in ("verdicts", "syntax"))
    ids = [problem.problem_id for problem in held_out]
    model = config.sampling.model + (" + adapter" if adapter is not None else "")
    score = score_candidates(name, model, verdicts, syntax, ids, config.scoring, config.seed)
    write_whole(scoring.run / "score.json", score_to_json(score).encode())
    return score, count_abundances(verdicts, syntax, ids)


@contextmanager
def _tools(config: RunConfig, cache: Path, api_keys: ApiKeys, root: Path | None = None) -> Iterator[Tools]:
    tools = Tools(config, cache, root or config.run, api_keys)
    try:
        yield tools
    finally:
        tools.close()


def _finish(config: RunConfig) -> None:
    """Write the report and the artifact with the counts of each stage."""
    write_report(config.run)
    table = markdown_table(stage_rows(config.run, STAGES))
    create_markdown_artifact(key="pairsmith-stages", markdown=table, description=f"Stages of {config.run.name}")
