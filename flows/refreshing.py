"""Refresh: redoes what is new, writes a version and its changelog, passes the gate, publishes."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from pairsmith.flows.evaluating import opened
from pairsmith.flows.flows import ApiKeys, build_run, evaluate, finish, no_key, train
from pairsmith.flows.publishing import publish_version, unpublished
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import judge_again, load, open_chain, run_crosscheck, run_pairs
from pairsmith.pipeline.publishing.versions import list_versions, record_version
from pairsmith.pipeline.publishing.versions.rebuilding import changed_code, differences, find_version, prepare
from pairsmith.pipeline.publishing.versions.recording import check_splits, version_folder
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

    What is new is found by fingerprints: problems, tests, templates, models, code of a stage. Nothing else is made
    again. Where `publish` names a repository, a version that is not there yet is published.

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
            _tell(config.run, version)
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
    key = digest("retrained", *(one.model_dump_json() for one in settings), str(config.seed)).encode()
    if note.is_file() and note.read_bytes() == key:
        return
    train(config, cache)
    evaluate(config, cache, api_keys)
    write_whole(note, key)


@flow(name="rebuild", validate_parameters=False)
def rebuild(run: Path, name: str, into: Path, cache: Path, store: str = "") -> bool:
    """Make an old version again from its manifest; return whether its files came out byte for byte.

    Args:
        into: empty folder to make it in.
        store: address of an empty folder in a store that it is kept in; empty for none.

    Raises:
        VersionError: if its inputs are gone, or the folder is not empty.
    """
    version = find_version(run, name)
    with locked(into, store=store):
        _make_again(prepare(run, version, into), into, cache)
    different = differences(version, into)
    for line in [*changed_code(version), *(f"differs: {path}" for path in different)]:
        reporter().say(line)
    return not different


def _make_again(config: RunConfig, into: Path, cache: Path) -> None:
    """Make all stages of a version whose inputs are there."""
    measured, kept = into / "timings", into / ".timings"
    with opened(config, cache, no_key) as tools:
        chain = open_chain(into, config, tools)
        names = chain.folder("problems").shard_names()
        judge_again(chain, names)
        if measured.exists():
            measured.rename(kept)
        # What was measured is taken as it was: nobody is faster today because the machine is.
        untimed = config.crosscheck.model_copy(update={"n_timed_runs": 0})
        run_crosscheck(open_chain(into, config.model_copy(update={"crosscheck": untimed}), tools), names)
        if kept.exists():
            shutil.rmtree(measured)
            kept.rename(measured)
        run_pairs(chain)


def _tell(run: Path, version: DatasetVersion) -> None:
    folder = version_folder(run, version)
    text = (folder / "changelog.md").read_text(encoding="utf-8")
    reporter().say(text.rstrip())
    create_markdown_artifact(key="pairsmith-changelog", markdown=text, description=f"{run.name} {version.name}")
