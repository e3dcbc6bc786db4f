"""What can be told wrong before anything is opened: Prefect's server alone takes seconds to start."""

from pathlib import Path

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.config import RunConfig


class NotReadyError(PairsmithError):
    """Something that the verb works on is not there."""


def need_pairs(config: RunConfig) -> None:
    """Raise where training has nothing to train on. A run in a store is looked at when it is fetched.

    Raises:
        NotReadyError: no dataset in the run, and none elsewhere is named.
    """
    folder = config.run / "dataset"
    if not config.training.dataset and not config.store and not folder.is_dir():
        raise NotReadyError(f"{folder}: no such folder of pairs; run `pairsmith build` first")


def need_publishable(config: RunConfig) -> None:
    """Raise where there is nothing to publish, or nowhere.

    Raises:
        NotReadyError: no repository is named, or there is no dataset in the run.
    """
    if not config.publish.dataset and not config.publish.model:
        raise NotReadyError("no repository to publish to; give --set publish.dataset=owner/name")
    if not config.store and not (config.run / "dataset").is_dir():
        raise NotReadyError(f"{config.run}: no dataset in there; run `pairsmith build` first")


def need_run(folder: Path) -> None:
    """Raise where no run can be, since there is no folder.

    Raises:
        NotReadyError: if so.
    """
    if not folder.is_dir():
        raise NotReadyError(f"{folder}: no such run folder; name one that `pairsmith build` wrote")
