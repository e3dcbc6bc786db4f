"""What a wheel installs, and that folders of the user's own with our folders' names do not get in its way."""

import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.training_kit import make_pair, write_pairs

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


def run_there(project: Path, installed: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(project), **variables}
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


@pytest.mark.parametrize("module", ["pairsmith.flows.deployed", "pairsmith.pipeline.training.launch"])
def test_what_others_import_by_name_is_ours(module: str, project: Path, installed: Path) -> None:
    done = run_there(project, installed, "-c", f"import {module} as found; print(found.__file__)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(installed))


def test_the_project_file_is_deployed(project: Path, installed: Path, home: Path) -> None:
    shutil.copy(ROOT / "prefect.yaml", project)
    variables = {
        "PREFECT_API_URL": (home / "server").read_text(), "PAIRSMITH_FOLDER": str(project),
        "PAIRSMITH_CONFIG": str(project / "run.toml"), "PAIRSMITH_IMAGE": "pairsmith",
    }  # fmt: skip
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    for pool in sorted({deployment["work_pool"]["name"] for deployment in deployments}):
        kind = pool.split("-")[1]
        command = ["-m", "prefect", "work-pool", "create", pool, "--type", kind]
        made = run_there(project, installed, *command, **variables)
        assert made.returncode == 0, made.stdout + made.stderr
    done = run_there(project, installed, "-m", "prefect", "--no-prompt", "deploy", "--all", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("successfully created") == len(deployments), done.stdout


def test_a_launched_training_works_in_that_folder(
    project: Path, installed: Path, home: Path, model: Path, tmp_path: Path
) -> None:
    """Its workers are processes of torch, which put the working directory before the packages."""
    (tmp_path / "pairs").mkdir()
    write_pairs(tmp_path / "pairs" / "pairs.parquet", [make_pair(index) for index in range(6)])
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = (
        f"run={tmp_path / 'run'}", f"sampling.model={model}", "sampling.backend=transformers",
        f"training.dataset={tmp_path / 'pairs'}", "training.device=cpu", "training.max_steps=1",
        "training.batch_size=2", "training.max_length=96", "training.launch.config=ddp",
        "training.launch.processes=1", f"training.launch.port={port}",
    )  # fmt: skip
    words = [word for setting in settings for word in ("--set", setting)]
    url = (home / "server").read_text()
    done = run_there(project, installed, "-m", "pairsmith", "train", *words, PREFECT_API_URL=url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "run" / "training" / "adapter" / "adapter_model.safetensors").is_file()
