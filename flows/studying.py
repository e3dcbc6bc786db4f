"""The flows that train more than once: a study, and rounds.

A study aligns every start with every method on every dataset, and writes one report. A round draws from what the
last one trained, pairs, trains and evaluates; rounds end where another one gains nothing.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from prefect import flow

from pairsmith.flows.build import build, build_run, finish, kept, start_model, train
from pairsmith.flows.evaluating import evaluate, evaluate_run, mark_run
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import ApiKeys, load, no_key
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.chain.tools import fetched_candidates
from pairsmith.pipeline.evaluation.round_config import (
    changed_settings,
    check_rounds,
    policy_of,
    round_config,
    scored_config,
)
from pairsmith.pipeline.evaluation.rounds import (
    count_passed,
    measure_kl,
    read_round,
    settled_problems,
    why_stop,
    without,
    write_rounds,
)
from pairsmith.pipeline.evaluation.stage import start_sampling, trained_sampling
from pairsmith.pipeline.evaluation.study import (
    StudyCell,
    cell_config,
    link_shared,
    list_cells,
    note_error,
    read_row,
    shared_config,
)
from pairsmith.pipeline.report.study import write_rounds_report, write_study_report
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.sampling import SampleStore
from pairsmith.pipeline.sampling.filling import remember_draws
from pairsmith.pipeline.sampling.models import resolve_model
from pairsmith.pipeline.training.reading import write_references
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.study import Start, StudyConfig, Variant
from pairsmith.schemas.score import RoundRow, RoundsResult, StudyRow


@flow(name="study", validate_parameters=False)
def study(settings: StudyConfig, cache: Path, api_keys: ApiKeys | None = None) -> list[StudyRow]:
    """Run each cell that is not done, and report on all; a failed cell is logged, and the others continue."""
    cells = list_cells(settings)
    models: dict[str, str] = {}
    shared: dict[tuple[str, str], Path] = {}
    with locked(settings.run, store=settings.store):
        shards = fetched_candidates(settings.run)
        if shards:  # what other machines drew is among the samples that the cells share
            with closing(SampleStore(settings.run / "samples.sqlite")) as store:
                remember_draws(shards, store)
        for place, cell in enumerate(cells, start=1):
            reporter().log(f"== cell {place} of {len(cells)}: {cell.name()}")
            if cell.start.name not in models:
                models[cell.start.name] = make_start(settings, cell.start, cache)
            _do_cell(settings, cell, models[cell.start.name], shared, cache, api_keys)
            rows = _report(settings, cells)
    return rows


def _do_cell(
    settings: StudyConfig,
    cell: StudyCell,
    model: str,
    shared: dict[tuple[str, str], Path],
    cache: Path,
    api_keys: ApiKeys | None,
) -> None:
    """Run the missing parts of a cell, after the parts that the methods of its start and dataset share.

    What goes wrong in it goes into its row, and the next one is begun.
    """
    key = cell.start.name, cell.dataset.name
    run = cell.folder(settings.run)
    try:
        if key not in shared:
            common = shared_config(settings, cell.start, cell.dataset, model)
            if not cell.has_pairs():
                build(common, cache, api_keys)
            evaluate(common, cache, api_keys)
            shared[key] = common.run
        config = cell_config(settings, cell, model)
        link_shared(shared[key], config.run)
        if not cell.has_pairs():
            build(config, cache, api_keys)
        train(config, cache)
        evaluate(config, cache, api_keys)
    except PairsmithError as error:
        reason = " ".join(str(error).split())
        reporter().log(f"error in {cell.name()}: {reason}")
        note_error(run, reason)
    else:
        note_error(run, "")


def make_start(settings: StudyConfig, start: Start, cache: Path) -> str:
    """Return the model of a start: as it is named, or the folder of what SFT made of it."""
    folder = settings.run / "starts" / start.name
    config = settings.cell(folder, start)
    if start.sft is None:
        return config.sampling.model
    problems = [row for part in load(config, cache).values() for row in part.problems]
    n_rows, n_without = write_references(problems, config.pairs.test_share, folder / "references")
    without = f", {n_without} have none" if n_without else ""
    reporter().log(f"-- {start.name}: SFT on the references of {n_rows} train problems{without}")
    own = {"method": "sft", "dataset": str(folder / "references")}
    tuned = settings.cell(folder, start, Variant.model_validate({"name": "sft", "training": {**start.sft, **own}}))
    train(tuned, cache)
    made = trained_sampling(tuned)
    assert made is not None
    if made.adapter is None:
        return made.model
    from pairsmith.pipeline.training.run import merge_adapter

    base = Path(resolve_model(made, cache, reporter().log).source)
    return str(merge_adapter(base, made.adapter, folder / f"{start.name}-model"))


def _report(settings: StudyConfig, cells: list[StudyCell]) -> list[StudyRow]:
    rows = [read_row(settings.run, cell) for cell in cells]
    write_study_report(settings.run, settings.title or settings.run.name, rows)
    return rows


@flow(name="rounds", validate_parameters=False)
def rounds(config: RunConfig, cache: Path, api_keys: ApiKeys | None = None) -> RoundsResult:
    """Run the rounds that are not done; each is a run of its own below the folder of the rounds.

    Raises:
        RoundsError, ConfigError: they can't be run as configured.
        PairsmithError: a round can't be done; the same command resumes.
    """
    check_rounds(config)
    with locked(config.run, store=config.store):
        if config.training.adapter is not None:
            from pairsmith.pipeline.training.start import check_adapter

            check_adapter(config.training.adapter, Path(start_model(config, cache).source))
        return _run(config, cache, api_keys or no_key)


def _run(config: RunConfig, cache: Path, api_keys: ApiKeys) -> RoundsResult:
    rows: list[RoundRow] = []
    passed: list[dict[str, tuple[int, int]]] = []
    before: RunConfig | None = None
    is_reported = False
    for number in range(1, config.rounds.n + 1):
        one = round_config(config, number, before)
        reporter().log(f"== round {number} of {config.rounds.n}: {one.run}")
        if not is_reported and (changes := changed_settings(one)):
            is_reported = True
            more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
            reporter().log(f"configuration changed: {'; '.join(changes[:3])}{more}")
            reporter().log(f"results that depend on it are made again, from round {number} on")
        settled = settled_problems(passed, config.rounds.solved, config.rounds.retry)
        stop = _do_round(config, one, number, settled, cache, api_keys)
        row = read_round(config, number, settled, rows[-1] if rows else None, is_trained=not stop)
        stop = stop or why_stop([*rows, row], config) or ("all are done" if number == config.rounds.n else "")
        rows.append(replace(row, stop=stop))
        result = write_rounds(config.run, rows)
        write_rounds_report(config.run, result)
        if row.lost:
            names = ", ".join(dict.fromkeys(lost.problem_id for lost in row.lost))
            n = len(row.lost)
            reporter().log(f"narrowing   right approaches of the start that are lost: {n} ({names[:200]})")
        if stop:
            reporter().log(f"rounds end  {stop}")
            break
        passed.append(count_passed(one.run))
        before = one
    return result


def _do_round(
    config: RunConfig, one: RunConfig, number: int, settled: Mapping[str, str], cache: Path, api_keys: ApiKeys
) -> str:
    """Build, train and evaluate one round; finished parts are not repeated; return why it could not be trained."""
    shards = without(load(one, cache), settled, one.pairs.test_share)
    with locked(one.run):
        build_run(one, cache, api_keys, shards)
        finish(one)
    manifest = stage_folder(one.run, "pairs").manifest()
    n = manifest.counts.get("train.pairs", 0) if manifest is not None else 0
    if n < one.training.batch_size:
        return f"round {number} made {n} train pairs, fewer than the {one.training.batch_size} of a step"
    train(one, cache)
    scored = scored_config(config, number)
    policy = policy_of(scored, one)
    assert policy is not None
    with locked(one.run), kept(one):
        mark_run(scored, evaluate_run(scored, cache, api_keys, policy))
        measure_kl(one.run / "evaluation", policy, start_sampling(scored), cache, reporter().log)
    finish(one)
    return ""
