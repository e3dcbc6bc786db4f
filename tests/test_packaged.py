from pathlib import Path

import pytest

from pairsmith.pipeline import run
from pairsmith.pipeline.run import MissingFilesError, packaged_folder


def test_folders_are_found_in_a_checkout_and_in_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "__file__", str(tmp_path / "pipeline" / "run" / "__init__.py"))
    with pytest.raises(MissingFilesError, match="starter is missing; install pairsmith again"):
        packaged_folder("starter", "data/starter")
    installed = tmp_path / "shipped" / "starter"
    installed.mkdir(parents=True)
    assert packaged_folder("starter", "data/starter") == installed
    (tmp_path / "data" / "starter").mkdir(parents=True)
    assert packaged_folder("starter", "data/starter") == tmp_path / "data" / "starter"
