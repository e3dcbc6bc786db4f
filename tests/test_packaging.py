"""What a wheel installs, and that folders of the user's own with our folders' names do not get in its way."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.nightly]
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site folder that holds the wheel alone."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(wheel)]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project with packages called like our folders; importing any of them fails."""
    for name in ("flows", "pipeline", "schemas"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the package of the user was imported')")
    return tmp_path


def run_there(project: Path, installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(project)}
    return subprocess.run(
        [sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def test_a_wheel_installs_one_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"pairsmith"}
    assert len(names) == len(set(names))
    assert "pairsmith/py.typed" in names
    assert any(name.startswith("pairsmith/shipped/starter/") for name in names)


def test_the_plan_of_the_demo_needs_no_checkout(project: Path, installed: Path) -> None:
    done = run_there(project, installed, "-m", "pairsmith", "demo", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "problems" in done.stdout
    assert run_there(project, installed, "-c", "import pairsmith; print(pairsmith.__file__)").stdout.startswith(
        str(installed)
    )


@pytest.mark.parametrize("module", ["pairsmith.flows.deployed", "pairsmith.pipeline.training.worker"])
def test_what_others_import_by_name_is_ours(module: str, project: Path, installed: Path) -> None:
    done = run_there(project, installed, "-c", f"import {module} as found; print(found.__file__)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))
