"""Tries again, in served runs, what a fault of the infrastructure has ended."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from pairsmith.pipeline.run.errors import InfrastructureError
from pairsmith.schemas.config.service import ServiceConfig

P = ParamSpec("P")
R = TypeVar("R")
SAMPLER_TAG = "pairsmith-sampler"
_JITTER = 0.5  # of the delay: runs that failed together don't come back together
_policy: list[ServiceConfig] = []


def set_policy(service: ServiceConfig | None) -> None:
    """Have all tasks of this process try again as a service does; None has them end at the first fault."""
    _policy[:] = [] if service is None else [service]


def retried(task: Task[P, R]) -> Callable[P, R]:
    """Return a task that tries again as the policy says, after faults of the infrastructure alone.

    A command that a person waits for tells the fault at once, so there is no policy without a service.
    """
    if not _policy or not _policy[0].retries:
        return task
    service = _policy[0]
    return task.with_options(
        retries=service.retries,
        retry_delay_seconds=exponential_backoff(max(service.retry_delay_s, 1e-3)),
        retry_jitter_factor=_JITTER,
        retry_condition_fn=is_infrastructure_fault,
    )


def is_infrastructure_fault(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return whether what ended a task may be well again by itself."""
    try:
        state.result()
    except InfrastructureError:
        return True
    except BaseException:
        return False
    return False
