"""The flows as Prefect deploys them: parameters of plain types, which its forms show; retries, an end, progress.

Workers of any pool run them by `flows.deployed.refresh` and its like; `pairsmith serve` runs all of them here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.utilities.timeout import timeout
from pydantic import Field

from pairsmith.flows import build as building
from pairsmith.flows import evaluating, publishing, refreshing
from pairsmith.flows import train as training
from pairsmith.flows.cli.shared import default_cache, read_key
from pairsmith.flows.runtime.progress import shown_progress
from pairsmith.flows.runtime.retrying import set_policy
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
    config: str,
    overrides: Overrides = (),
    wait_s: Seconds = 0.0,
    despite: tuple[str, ...] = (),
) -> State[Any]:
    """Redo what is new, write a version with its changelog, pass the gate, publish where `publish` says so.

    Args:
        config: TOML file of the run, on the machine that runs it.
        overrides: settings on top, such as `sampling.n=8`.
        wait_s: seconds to wait for another process on this run.
        despite: checks of the gate that hold nothing back, by name.
    """
    with _served(config, overrides) as settings:
        try:
            version, is_new = refreshing.refresh.fn(settings, default_cache(), read_key, wait_s, despite)
        except RunLockedError as error:
            # The one at work does what this one would do: no failure to wake people for.
            return Completed(message=str(error), name="Skipped")
        return Completed(message=f"{version.name} is new" if is_new else f"nothing new: {version.name} stands")


@flow(name="train")
def train(config: str, overrides: Overrides = ()) -> str:
    """Train on the pairs of a run that has been built.

    Args:
        config: TOML file of the run, on the machine that runs it.
        overrides: settings on top, such as `sampling.n=8`.
    """
    with _served(config, overrides) as settings:
        training.train.fn(settings, default_cache())
        return str(settings.run / "training")


@flow(name="evaluate")
def evaluate(config: str, overrides: Overrides = ()) -> str:
    """Score the start and what the run trained on held-out problems, and mark what fell in `gate.json`.

    Args:
        config: TOML file of the run, on the machine that runs it.
        overrides: settings on top, such as `sampling.n=8`.
    """
    with _served(config, overrides) as settings:
        evaluating.evaluate.fn(settings, default_cache(), read_key)
        return str(settings.run / "evaluation")


@flow(name="study")
def study(config: str, study_file: str = "reward_free", overrides: Overrides = ()) -> list[str]:
    """Align every start by every method on every dataset, and report who gained and what it cost.

    Args:
        config: TOML file of the run that serves it, for how faults are taken.
        study_file: TOML file of the study, or the name of one that comes with pairsmith.
        overrides: settings of the study on top, such as `base.sampling.n=8`.
    """
    from pairsmith.flows import studying
    from pairsmith.flows.cli.studies import find_study
    from pairsmith.schemas.config.study import load_study

    with _served(config, ()):
        settings = load_study(find_study(study_file), overrides, None)
        rows = studying.study.fn(settings, default_cache(), read_key)
        broken = [str(row.error) for row in rows if row.error]
        if broken:
            raise PairsmithError(f"{len(broken)} of {len(rows)} cells failed: {broken[0]}")
        return [str(settings.run / "report.html")]


@flow(name="publish")
def publish(
    config: str,
    overrides: Overrides = (),
    tag: str = "",
    despite: tuple[str, ...] = (),
) -> list[str]:
    """Push dataset and adapter to the Hugging Face Hub.

    Args:
        config: TOML file of the run, on the machine that runs it.
        overrides: settings on top, such as `sampling.n=8`.
        tag: name of the version; empty takes the recorded one.
        despite: checks of the gate that hold nothing back, by name.
    """
    with _served(config, overrides) as settings:
        return [
            f"{pushed.kind} {pushed.repo} {pushed.tag}" for pushed in publishing.publish.fn(settings, tag, despite)
        ]


SERVED = (build, refresh, train, evaluate, study, publish)


@contextmanager
def _served(config: str, overrides: tuple[str, ...]) -> Iterator[RunConfig]:
    """Give the settings of a served run, under its policy of faults and within its time."""
    settings = load_config(Path(config), overrides)
    set_policy(settings.service)
    try:
        with timeout(settings.service.timeout_s), shown_progress():
            yield settings
    finally:
        set_policy(None)
