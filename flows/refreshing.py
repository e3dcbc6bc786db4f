"""The refresh flow: rebuilds what is stale, records a version with its changelog, passes the gate, publishes."""

from collections.abc import Sequence
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from pairsmith.flows.build import build_run, finish
from pairsmith.flows.evaluating import evaluate
from pairsmith.flows.publishing import publish_version, unpublished
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import ApiKeys, load, no_key
from pairsmith.flows.train import train
from pairsmith.pipeline.publishing import (
    check_splits,
    list_versions,
    read_version_changelog,
    record_version,
    version_folder,
)
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.run.lock import locked
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.version import DatasetVersion

_RETRAINED = "retrained"  # in a version's folder


@flow(name="refresh", validate_parameters=False)
def refresh(
    config: RunConfig,
    cache: Path,
    api_keys: ApiKeys | None = None,
    wait_s: float = 0.0,
    despite: Sequence[str] = (),
) -> tuple[DatasetVersion, bool]:
    """Bring a run's dataset up to date; return its version, and whether that is a new one.

    Fingerprints tell what is new: problems, tests, templates, models, code of a stage. Only that is rebuilt. Where
    `publish` names a repository, a version that it lacks is published.

    Args:
        wait_s: seconds to wait for another process that works on the run.
        despite: checks of the gate that are let through by name.

    Raises:
        RunLockedError: another process works on it for longer.
        VersionError: a problem would change its split.
        PublishError: see `flows.publishing.publish`.
    """
    with locked(config.run, wait_s, config.store):
        shards = load(config, cache)
        versions = list_versions(config.run)
        ids = [row.problem_id for part in shards.values() for row in part.problems]
        ids += [row.problem.problem_id for part in shards.values() for row in part.pending]
        check_splits(versions[-1].splits if versions else {}, ids, config.pairs.test_share)
        build_run(config, cache, api_keys or no_key, shards)
        version, is_new = record_version(config.run, config)
        if is_new:
            finish(config)
            _report(config.run, version)
    if not is_new:
        reporter().say(f"refresh     nothing new: {version.name} stands")
    if config.refresh.retrain:
        _retrain(config, version, cache, api_keys)
    if unpublished(config, version):
        publish_version(config, version, despite)
    return version, is_new


def _retrain(config: RunConfig, version: DatasetVersion, cache: Path, api_keys: ApiKeys | None) -> None:
    """Train on a version and score what came of it, unless that is done.

    It is noted only when the gate has its scores: a refresh that was killed in between, or failed, must not leave
    a version for the next one to publish unscored.
    """
    note = version_folder(config.run, version) / _RETRAINED
    settings = (config.training, config.sampling, config.scoring, config.evaluation, config.gate)
    key = digest("retrained", *(section.model_dump_json() for section in settings), str(config.seed)).encode()
    if note.is_file() and note.read_bytes() == key:
        return
    train(config, cache)
    evaluate(config, cache, api_keys)
    write_whole(note, key)


def _report(run: Path, version: DatasetVersion) -> None:
    text = read_version_changelog(run, version)
    reporter().say(text.rstrip())
    create_markdown_artifact(key="pairsmith-changelog", markdown=text, description=f"{run.name} {version.name}")
