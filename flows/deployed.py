"""The flows as Prefect deploys them: parameters of plain types, which its forms show; retries, an end.

Workers of any pool run them by `flows.deployed.refresh` and its like; `serve_all` runs all of them here, with
their schedules.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, serve
from prefect.client.schemas.objects import State
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.states import Completed
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.timeout import timeout
from pydantic import Field

from pairsmith.flows import build as building
from pairsmith.flows import evaluating, publishing
from pairsmith.flows.cli.shared import default_cache, read_key
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import set_policy
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.lock import RunLockedError
from pairsmith.schemas.config import RunConfig, load_config

Overrides = tuple[str, ...]
Seconds = Annotated[float, Field(ge=0.0)]


@flow(name="build")
def build(config: str, overrides: Overrides = ()) -> str:
    """Make the pairs of a run: sample, execute, judge, parse, pair.

    Args:
        config: TOML file of the run, on the machine that runs it.
        overrides: settings on top, such as `sampling.n=8`.
    """
    with _served(config, overrides) as settings:
        return str(building.build.fn(settings, default_cache(), read_key))


@flow(name="refresh")
def refresh(
    config: str, overrides: Overrides = (), wait_s: Seconds = 0.0, despite: tuple[str, ...] = ()
) -> State[Any]:
    """Rebuild what changed, write a version with its changelog, check the gate, and publish if `publish` is set.

    Args:
        config: TOML file of the run, on the machine that runs it.
        overrides: settings on top, such as `sampling.n=8`.
        wait_s: seconds to wait for another process on this run.
        despite: names of checks of the gate that do not block publishing.
    """
    with _served(config, overrides) as settings:
        try:
            version, is_new = publishing.refresh.fn(settings, default_cache(), read_key, wait_s, despite)
        except RunLockedError as error:
            # The one at work does what this one would do: no failure to wake people for.
            return Completed(message=str(error), name="Skipped")
        return Completed(message=f"{version.name} is new" if is_new else f"nothing new: {version.name} stands")


@flow(name="train")
def train(config: str, overrides: Overrides = ()) -> str:
    """Train on the pairs of a finished build.

    Args:
        config: TOML file of the run, on the machine that runs it.
        overrides: settings on top, such as `sampling.n=8`.
    """
    with _served(config, overrides) as settings:
        building.train.fn(settings, default_cache())
        return str(settings.run / "training")


@flow(name="evaluate")
def evaluate(config: str, overrides: Overrides = ()) -> str:
    """Score the start and the trained model on held-out problems, and write failed checks to `gate.json`.

    Args:
        config: TOML file of the run, on the machine that runs it.
        overrides: settings on top, such as `sampling.n=8`.
    """
    with _served(config, overrides) as settings:
        evaluating.evaluate.fn(settings, default_cache(), read_key)
        return str(settings.run / "evaluation")


@flow(name="study")
def study(config: str, study_file: str = "reward_free", overrides: Overrides = ()) -> list[str]:
    """Align every start by every method on every dataset, and report gains and costs.

    Args:
        config: TOML file of the run that serves it, for its retries and limits.
        study_file: TOML file of the study, or the name of an included study.
        overrides: settings of the study on top, such as `base.sampling.n=8`.
    """
    from pairsmith.flows import studying
    from pairsmith.flows.cli.training import find_study
    from pairsmith.schemas.config.study import load_study

    with _served(config, ()):
        settings = load_study(find_study(study_file), overrides, None)
        rows = studying.study.fn(settings, default_cache(), read_key)
        broken = [str(row.error) for row in rows if row.error]
        if broken:
            raise PairsmithError(f"{len(broken)} of {len(rows)} cells failed: {broken[0]}")
        return [str(settings.run / "report.html")]


@flow(name="rounds")
def rounds(config: str, overrides: Overrides = ()) -> list[str]:
    """Align in rounds, each sampling from the previous round's model; returns the report and the round to keep.

    Args:
        config: TOML file of the rounds, on the machine that runs it.
        overrides: settings on top, such as `rounds.n=4`.
    """
    from pairsmith.flows import studying

    with _served(config, overrides) as settings:
        result = studying.rounds.fn(settings, default_cache(), read_key)
        return [str(settings.run / "report.html"), f"keep {result.recommended}"]


@flow(name="publish")
def publish(config: str, overrides: Overrides = (), tag: str = "", despite: tuple[str, ...] = ()) -> list[str]:
    """Push dataset and adapter to the Hugging Face Hub.

    Args:
        config: TOML file of the run, on the machine that runs it.
        overrides: settings on top, such as `sampling.n=8`.
        tag: name of the version; empty takes the recorded one.
        despite: names of checks of the gate that do not block publishing.
    """
    with _served(config, overrides) as settings:
        return [
            f"{pushed.kind} {pushed.repo} {pushed.tag}" for pushed in publishing.publish.fn(settings, tag, despite)
        ]


SERVED = (build, refresh, train, evaluate, study, rounds, publish)


@contextmanager
def _served(config: str, overrides: tuple[str, ...]) -> Iterator[RunConfig]:
    """Yield the settings of a served run, with its retry policy and time limit."""
    settings = load_config(Path(config), overrides)
    set_policy(settings.service)
    try:
        with timeout(settings.service.timeout_s):
            yield settings
    finally:
        set_policy(None)


class TimetableError(PairsmithError):
    """A cron line or the timezone can't be parsed."""


def make_deployments(config: RunConfig, path: Path, overrides: Sequence[str]) -> list[RunnerDeployment]:
    """Return a deployment of each flow for one configuration, named after its run folder, with its schedule."""
    made = []
    for served in SERVED:
        parameters: dict[str, object] = {"config": str(path.resolve()), "overrides": list(overrides)}
        if served.name == "study":  # its overrides are a study's
            parameters["overrides"] = []
        cron = config.schedule.refresh if served.name == "refresh" else ""
        try:
            schedules = [Cron(cron, timezone=config.schedule.timezone)] if cron else None
            deployment = served.to_deployment(
                name=config.run.resolve().name,
                schedules=schedules,
                parameters=parameters,
                tags=["pairsmith"],
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
        except ValueError as error:
            line = str(error).strip().splitlines()[-1]
            raise TimetableError(
                f"schedule.refresh={cron!r}, schedule.timezone={config.schedule.timezone!r}: {line}"
            ) from None
        assert isinstance(deployment, RunnerDeployment)
        made.append(deployment)
    return made


def serve_all(config: RunConfig, path: Path, overrides: Sequence[str]) -> None:
    """Register all deployments and start their runs on schedule, one at a time, until the process ends."""
    deployments = make_deployments(config, path, overrides)
    for deployment in deployments:
        times = ", ".join(f"at {schedule.schedule.cron}" for schedule in deployment.schedules or ())  # type: ignore[union-attr]
        reporter().log(f"serve       {deployment.flow_name}/{deployment.name} {times or 'on demand'}")
    serve(*deployments, limit=1, print_starting_message=False)
