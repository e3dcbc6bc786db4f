"""The flow of a study: every start with every method on every dataset, and one report."""

from contextlib import closing
from pathlib import Path

from prefect import flow

from pairsmith.flows.build import build
from pairsmith.flows.evaluating import evaluate
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import ApiKeys, load
from pairsmith.flows.train import train
from pairsmith.pipeline.chain.tools import fetched_candidates
from pairsmith.pipeline.evaluation.plan import trained_sampling
from pairsmith.pipeline.evaluation.study import (
    StudyCell,
    cell_config,
    link_shared,
    list_cells,
    note_error,
    read_row,
    shared_config,
)
from pairsmith.pipeline.report.study import write_study_report
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.sampling import SampleStore
from pairsmith.pipeline.sampling.models import resolve_model
from pairsmith.pipeline.sampling.stream import remember_draws
from pairsmith.pipeline.training.supervised import write_references
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.study import Start, StudyConfig, Variant
from pairsmith.schemas.score import StudyRow


@flow(name="study", validate_parameters=False)
def study(settings: StudyConfig, cache: Path, api_keys: ApiKeys | None = None) -> list[StudyRow]:
    """Run each cell that is not done, and report on all; a cell that fails is logged, and the others go on.

    Raises:
        PairsmithError: if a start can't be made.
    """
    cells = list_cells(settings)
    models: dict[str, str] = {}
    shared: dict[tuple[str, str], Path] = {}
    with locked(settings.run, store=settings.store):
        _remember(settings.run)
        for place, cell in enumerate(cells, start=1):
            reporter().say(f"== cell {place} of {len(cells)}: {cell.name()}")
            if cell.start.name not in models:
                models[cell.start.name] = make_start(settings, cell.start, cache)
            _do_cell(settings, cell, models[cell.start.name], shared, cache, api_keys)
            rows = _report(settings, cells)
    return rows


def _remember(study: Path) -> None:
    """Have what other machines drew for a study among the samples that its cells share."""
    shards = fetched_candidates(study)
    if shards:
        with closing(SampleStore(study / "samples.sqlite")) as store:
            remember_draws(shards, store)


def _do_cell(
    settings: StudyConfig,
    cell: StudyCell,
    model: str,
    shared: dict[tuple[str, str], Path],
    cache: Path,
    api_keys: ApiKeys | None,
) -> None:
    """Run a cell; what goes wrong in it goes into its row, and the next one is begun."""
    key = cell.start.name, cell.dataset.name
    run = cell.folder(settings.run)
    try:
        if key not in shared:
            common = shared_config(settings, cell.start, cell.dataset, model)
            _share(common, cell.has_pairs(), cache, api_keys)
            shared[key] = common.run
        _run(cell_config(settings, cell, model), shared[key], cell.has_pairs(), cache, api_keys)
    except PairsmithError as error:
        reason = " ".join(str(error).split())
        reporter().say(f"error in {cell.name()}: {reason}")
        note_error(run, reason)
    else:
        note_error(run, "")


def make_start(settings: StudyConfig, start: Start, cache: Path) -> str:
    """Return the model of a start: as it is named, or the folder of what SFT made of it.

    Raises:
        PairsmithError: if SFT can't be done.
    """
    folder = settings.run / "starts" / start.name
    config = settings.cell(folder, start)
    if start.sft is None:
        return config.sampling.model
    problems = [row for part in load(config, cache).values() for row in part.problems]
    written = write_references(problems, config.pairs.test_share, folder / "references")
    without = f", {written.n_without} have none" if written.n_without else ""
    reporter().say(f"-- {start.name}: SFT on the references of {written.n_rows} train problems{without}")
    own = {"method": "sft", "dataset": str(folder / "references")}
    tuned = settings.cell(folder, start, Variant.model_validate({"name": "sft", "training": {**start.sft, **own}}))
    train(tuned, cache)
    made = trained_sampling(tuned)
    assert made is not None
    if made.adapter is None:
        return made.model
    from pairsmith.pipeline.training import merge_adapter

    base = Path(resolve_model(made, cache, reporter().say).source)
    return str(merge_adapter(base, made.adapter, folder / f"{start.name}-model"))


def _share(config: RunConfig, has_pairs: bool, cache: Path, api_keys: ApiKeys | None) -> None:
    """Make what the methods of one start and dataset share: draws, verdicts, and the start's own evaluation."""
    if not has_pairs:
        build(config, cache, api_keys)
    evaluate(config, cache, api_keys)


def _run(config: RunConfig, shared: Path, has_pairs: bool, cache: Path, api_keys: ApiKeys | None) -> None:
    """Run one cell, as far as it is not done.

    Args:
        config: of the cell.
        shared: folder of what is linked in.
        has_pairs: whether its dataset is one that is there already.
    """
    link_shared(shared, config.run)
    if not has_pairs:
        build(config, cache, api_keys)
    train(config, cache)
    evaluate(config, cache, api_keys)


def _report(settings: StudyConfig, cells: list[StudyCell]) -> list[StudyRow]:
    rows = [read_row(settings.run, cell) for cell in cells]
    write_study_report(settings.run, settings.title or settings.run.name, rows)
    return rows
