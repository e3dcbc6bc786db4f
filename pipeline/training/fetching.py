"""Models and datasets of the Hub, in folders of this machine."""

from pathlib import Path
from typing import Literal

from pairsmith.pipeline.training.checks import TrainingError


def fetch(name: str, kind: Literal["model", "dataset"], revision: str | None, key: str) -> Path:
    """Return the folder of what the Hub has under a name; it is fetched once.

    Args:
        name: as `organisation/name`.
        kind: what it is.
        revision: commit, tag or branch; None takes the default branch.
        key: of the configuration, named in errors.

    Raises:
        TrainingError: it is not there, may not be read, or the Hub can't be reached and it was never fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, repo_type=kind, revision=revision))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        cause: BaseException = error  # the Hub's own words hide a missing network behind a missing file
        while isinstance(error, LocalEntryNotFoundError) and cause.__cause__ is not None:
            cause = cause.__cause__
        told = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise TrainingError(
            f"{name}: no such folder, and this {kind} can't be fetched from the Hub ({told[:200]}); check the "
            f"name and the network, or give a folder in {key}"
        ) from error
