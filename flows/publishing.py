"""The flow that publishes a run on the Hub."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from rich.console import Console

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.retrying import retried
from pairsmith.pipeline.chain.stored import as_stored
from pairsmith.pipeline.publishing import (
    HeldBackError,
    PublishPlan,
    Pushed,
    list_versions,
    look,
    plan_publish,
    read_changelog,
    record_version,
    send,
    version_folder,
)
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.run.lock import locked
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.version import DatasetVersion

HELD_BACK = "pairsmith.gate.held-back"  # event that automations may wait for
_PUBLISHED = "published.json"


@flow(name="publish", validate_parameters=False)
def publish(config: RunConfig, tag: str = "", despite: Sequence[str] = ()) -> list[Pushed]:
    """Push dataset and adapter of a run: one commit and one tag a repository, only what differs.

    Args:
        tag: name of the version; empty takes the one that the run has recorded.
        despite: checks of the gate that are let through by name.

    Raises:
        PublishError: see `pipeline.publishing.plan_publish` and `pipeline.publishing.hub.push`.
    """
    with locked(config.run, store=config.store):
        version, _ = record_version(config.run, config)
    return publish_version(config, version, despite, tag)


def publish_version(
    config: RunConfig, version: DatasetVersion, despite: Sequence[str] = (), tag: str = ""
) -> list[Pushed]:
    """Push the run as it stands, as this version, and note that it was."""
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
            reporter().say(f"published   {done.kind} {done.repo} {done.tag}: {sent}, commit {done.commit[:12]}")
        noted = _noted(config.run, version) | {f"{push.kind} {push.repo}": push.commit for push in pushed}
        text = json.dumps(noted, indent=1, sort_keys=True) + "\n"
        write_whole(version_folder(config.run, version) / _PUBLISHED, text.encode())
    return pushed


def unpublished(config: RunConfig, version: DatasetVersion) -> bool:
    """Return whether the configuration names a repository that does not have this version yet."""
    named = {"dataset": config.publish.dataset, "model": config.publish.model}
    noted = _noted(config.run, version)
    return any(repo and f"{kind} {repo}" not in noted for kind, repo in named.items())


def _noted(run: Path, version: DatasetVersion) -> dict[str, str]:
    try:
        noted: dict[str, str] = json.loads((version_folder(run, version) / _PUBLISHED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted


@task(name="push", cache_policy=NO_CACHE, persist_result=False)
def push_plan(plan: PublishPlan, private: bool) -> Pushed:
    """Push one repository."""
    from huggingface_hub import HfApi

    api = HfApi()
    remote = look(api, plan.remote.repo, plan.remote.kind)  # a try before may have come as far as the commit
    return send(api, replace(plan, remote=remote), private)


def show_publish(config: RunConfig, tag: str, despite: Sequence[str], console: Console, cache: Path) -> None:
    """Print what a push would change; records and sends nothing. A store that keeps the run is only read."""
    from huggingface_hub import HfApi

    config, notes = as_stored(config, cache, None)
    for line in notes:
        console.print(line, highlight=False, markup=False)
    newest = next(reversed(list_versions(config.run)), None)
    name = tag or (newest.name if newest else "v1")
    for plan in plan_publish(config, HfApi(), name, read_changelog(config.run), despite):
        changes, remote = plan.changes, plan.remote
        state = f"at {remote.head[:12]}" if remote.head else "to be made"
        console.print(f"{remote.kind} {remote.repo}, {state}; tag {name}", highlight=False, markup=False)
        for sign, paths in (("+", changes.added), ("~", changes.changed), ("-", changes.removed)):
            for path in paths:
                console.print(f"  {sign} {path}", highlight=False, markup=False)
        words = f"  {len(changes.unchanged)} unchanged; {changes.n_bytes / 1e6:.1f} MB to send"
        console.print(words, highlight=False, markup=False)
