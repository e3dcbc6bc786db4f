"""The flow `build`: makes the pairs of a run, and what every flow of a run ends with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_link_artifact, create_table_artifact

from pairsmith.flows.runtime.metering import compare
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import (
    ApiKeys,
    load,
    no_key,
    open_chain,
    opened,
    run_crosscheck,
    run_judgements,
    run_pairs,
    run_problems,
    run_samples,
)
from pairsmith.flows.runtime.tables import HEADER, stage_rows
from pairsmith.flows.runtime.waves import is_adaptive, run_waves
from pairsmith.pipeline.chain.provenance import remembered
from pairsmith.pipeline.chain.table import stored_stages
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.report import write_report
from pairsmith.pipeline.run.folder import MANIFEST
from pairsmith.pipeline.run.lock import locked
from pairsmith.schemas.config import RunConfig


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
            return meters[-1].sampling_s

        if is_adaptive(config):
            run_waves(config.run, config, draw, pair)
        else:
            draw(None)
            pair()
        compare(meters, config, cache, chain.n_rows("pairs"))
        run_judgements(chain)


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
