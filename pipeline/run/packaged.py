"""Finds the files that come with pairsmith: in a checkout at its root, installed in `pairsmith/shipped`."""

from pathlib import Path

from pairsmith.pipeline.run.errors import PairsmithError


class MissingFilesError(PairsmithError):
    """Files that belong to pairsmith are not there."""


def packaged_folder(name: str, in_checkout: str) -> Path:
    """Return a folder of files that come with pairsmith.

    Args:
        name: its name under `pairsmith/shipped` (see `force-include` in pyproject.toml).
        in_checkout: its path from the root of a checkout.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package / in_checkout, package / "shipped" / name):
        if folder.is_dir():
            return folder
    raise MissingFilesError(f"{package}: no {name} beside it; install pairsmith again, from a whole wheel")
