"""The flows `publish`, and `refresh`: rebuilds what is stale, records a version, passes the gate, publishes."""

import json
from collections.abc import Sequence
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from rich.console import Console

from pairsmith.flows.build import build_run, finish, train
from pairsmith.flows.evaluating import evaluate
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import ApiKeys, load, no_key, retried
from pairsmith.pipeline.chain.tools import as_stored
from pairsmith.pipeline.publishing.hub import HeldBackError, Pushed, look, push
from pairsmith.pipeline.publishing.publish import PublishPlan, plan_publish
from pairsmith.pipeline.publishing.versions import (
    check_splits,
    list_versions,
    read_changelog,
    read_version_changelog,
    record_version,
    version_folder,
)
from pairsmith.pipeline.report.tables import print_lines
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import read_tree, write_whole
from pairsmith.pipeline.run.lock import locked
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.dataset import DatasetVersion

HELD_BACK = "pairsmith.gate.held-back"  # event that automations may wait for
_PUBLISHED = "published.json"


@flow(name="publish", validate_parameters=False)
def publish(config: RunConfig, tag: str = "", despite: Sequence[str] = ()) -> list[Pushed]:
    """Push dataset and adapter of a run: one commit and one tag a repository, only what differs.

    Args:
        tag: name of the version; empty takes the one that the run has recorded.
        despite: names of checks of the gate that do not block publishing.
    """
    with locked(config.run, store=config.store):
        version, _ = record_version(config.run, config)
    return publish_version(config, version, despite, tag)


def publish_version(
    config: RunConfig, version: DatasetVersion, despite: Sequence[str] = (), tag: str = ""
) -> list[Pushed]:
    """Push the run in its current state as this version, and record that."""
    from huggingface_hub import HfApi

    api = HfApi()  # the token and the address from their usual places
    with locked(config.run, store=config.store):
        pushed = []
        try:
            plans = plan_publish(config, api, tag or version.name, read_changelog(config.run), despite)
        except HeldBackError as error:
            resource = {"prefect.resource.id": f"pairsmith.run.{config.run.resolve().name}"}
            emit_event(HELD_BACK, resource=resource, payload={"reasons": str(error)})
            raise
        for plan in plans:
            done = retried(push_plan)(plan, config.publish.private)
            pushed.append(done)
            n = len(done.changes.added) + len(done.changes.changed)
            sent = f"{n} files sent ({done.changes.n_bytes / 1e6:.1f} MB)" if n else "nothing to send"
            reporter().log(f"published   {done.kind} {done.repo} {done.tag}: {sent}, commit {done.commit[:12]}")
        path = version_folder(config.run, version) / _PUBLISHED
        noted = read_tree(path) | {f"{done.kind} {done.repo}": done.commit for done in pushed}
        write_whole(path, (json.dumps(noted, indent=1, sort_keys=True) + "\n").encode())
    return pushed


def unpublished(config: RunConfig, version: DatasetVersion) -> bool:
    """Return whether the configuration names a repository that does not have this version yet."""
    named = {"dataset": config.publish.dataset, "model": config.publish.model}
    noted = read_tree(version_folder(config.run, version) / _PUBLISHED)
    return any(repo and f"{kind} {repo}" not in noted for kind, repo in named.items())


@task(name="push", cache_policy=NO_CACHE, persist_result=False)
def push_plan(plan: PublishPlan, private: bool) -> Pushed:
    """Push one repository."""
    from huggingface_hub import HfApi

    api = HfApi()
    remote = look(api, plan.remote.repo, plan.remote.kind)  # a try before may have come as far as the commit
    return push(api, remote, plan.local, plan.ours, plan.tag, private)


def show_publish(config: RunConfig, tag: str, despite: Sequence[str], console: Console, cache: Path) -> None:
    """Print what a push would change; records and sends nothing. A store that keeps the run is only read.

    If the Hub does not answer, the files of the run are listed without a comparison.
    """
    from huggingface_hub import HfApi

    config, notes = as_stored(config, cache, None)
    print_lines(console, *notes)
    newest = next(reversed(list_versions(config.run)), None)
    name = tag or (newest.name if newest else "v1")
    for plan in plan_publish(config, HfApi(), name, read_changelog(config.run), despite, False):
        changes, remote = plan.changes, plan.remote
        state = f"at {remote.head[:12]}" if remote.head else "to be created"
        state = state if remote.is_known else "not compared, because the Hub does not answer"
        print_lines(console, f"{remote.kind} {remote.repo}, {state}; tag {name}")
        if not remote.is_known:
            print_lines(console, *(f"  {path}" for path in changes.added))
            print_lines(console, f"  {len(changes.added)} files; at most {changes.n_bytes / 1e6:.1f} MB to send")
            continue
        for sign, paths in (("+", changes.added), ("~", changes.changed), ("-", changes.removed)):
            print_lines(console, *(f"  {sign} {path}" for path in paths))
        print_lines(console, f"  {len(changes.unchanged)} unchanged; {changes.n_bytes / 1e6:.1f} MB to send")


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

    Fingerprints show what is new: problems, tests, templates, models, code of a stage. Only that is rebuilt. Where
    `publish` names a repository, a version that it lacks is published.

    Args:
        wait_s: seconds to wait for another process that works on the run.
        despite: names of checks of the gate that do not block publishing.

    Raises:
        RunLockedError: another process is using it for longer.
        VersionError: a problem would change its split.
        PublishError: see `flows.publishing.publish`.
    """
    with locked(config.run, wait_s, config.store):
        shards = load(config, cache)
        versions = list_versions(config.run)
        ids = [row.problem_id for part in shards.values() for row in part.every()]
        check_splits(versions[-1].splits if versions else {}, ids, config.pairs.test_share)
        build_run(config, cache, api_keys or no_key, shards)
        version, is_new = record_version(config.run, config)
        if is_new:
            finish(config)
            _report(config.run, version)
    if not is_new:
        reporter().log(f"refresh     nothing new: {version.name} is current")
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
    reporter().log(text.rstrip())
    create_markdown_artifact(key="pairsmith-changelog", markdown=text, description=f"{run.name} {version.name}")
