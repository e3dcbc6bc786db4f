"""`pairsmith serve`: all deployments of one configuration in one process, with their schedules."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from prefect import serve
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from pairsmith.flows.deployed import SERVED
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.retrying import SAMPLER_TAG
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.lock import is_locked
from pairsmith.schemas.config import RunConfig


class TimetableError(PairsmithError):
    """A cron line or the timezone can't be parsed."""


def make_deployments(config: RunConfig, path: Path, overrides: Sequence[str]) -> list[RunnerDeployment]:
    """Return a deployment of each flow for one configuration, called like its run folder, with its schedule.

    Args:
        config: of `path` and `overrides`.
        path: the TOML file.
        overrides: settings on top, kept as parameters.

    Raises:
        TimetableError: if a cron line or the timezone can't be read.
    """
    made = []
    for flow in SERVED:
        parameters: dict[str, object] = {"config": str(path.resolve()), "overrides": list(overrides)}
        if flow.name == "study":  # its overrides are a study's
            parameters["overrides"] = []
        cron = getattr(config.schedule, flow.name)
        try:
            schedules = [Cron(cron, timezone=config.schedule.timezone)] if cron else None
            deployment = flow.to_deployment(
                name=config.run.resolve().name,
                schedules=schedules,
                parameters=parameters,
                tags=["pairsmith"],
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
        except ValueError as error:
            line = str(error).strip().splitlines()[-1]
            raise TimetableError(
                f"schedule.{flow.name}={cron!r}, schedule.timezone={config.schedule.timezone!r}: {line}"
            ) from None
        assert isinstance(deployment, RunnerDeployment)
        made.append(deployment)
    return made


def serve_all(config: RunConfig, path: Path, overrides: Sequence[str]) -> None:
    """Serve until the process is ended: register all deployments, and start their runs as they are due."""
    deployments = make_deployments(config, path, overrides)
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(f"tag:{SAMPLER_TAG}", config.service.samplers)
        ids = [found for deployment in deployments if (found := _deployment_id(client, deployment)) is not None]
        n_dead = crash_dead_runs(client, ids, config.run)
    if n_dead:
        reporter().say(f"serve       {n_dead} runs whose process is gone are marked as crashed")
    for deployment in deployments:
        times = ", ".join(f"at {schedule.schedule.cron}" for schedule in deployment.schedules or ())  # type: ignore[union-attr]
        reporter().say(f"serve       {deployment.flow_name}/{deployment.name} {times or 'on demand'}")
    serve(*deployments, limit=config.service.runs, print_starting_message=False)


def crash_dead_runs(client: SyncPrefectClient, deployment_ids: Sequence[UUID], run: Path) -> int:
    """Mark runs that the server takes for running as crashed where no process is at work; return how many.

    A killed process can't report to the server, and its run would keep its slot among the samplers. The lock of
    the run folder shows whether a process is at work: the kernel frees it when its holder dies.
    """
    if not deployment_ids or is_locked(run):
        return 0
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(deployment_ids))),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(
                type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
            )
        ),
    )
    reason = "the process that ran it is gone"
    for flow_run in runs:
        tasks = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id])),
            task_run_filter=TaskRunFilter(
                state=TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING]))
            ),
        )
        for task in tasks:
            client.set_task_run_state(task.id, Crashed(message=reason), force=True)
        client.set_flow_run_state(flow_run.id, Crashed(message=reason), force=True)
    return len(runs)


def _deployment_id(client: SyncPrefectClient, deployment: RunnerDeployment) -> UUID | None:
    try:
        return client.read_deployment_by_name(f"{deployment.flow_name}/{deployment.name}").id
    except ObjectNotFound:
        return None
