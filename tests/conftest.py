"""Fixtures of the whole suite."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sandbox.contract import Engine
from pipeline.sandbox.pool import SandboxPool
from tests.cli_kit import pairsmith, write_config
from tests.sandboxes import LIMITS, PATIENCE, make_engine, why_no_docker

REAL_DATA = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session", params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine in turn. Docker's is skipped where none answers, unless CI asks for it."""
    if request.param == "docker" and why_no_docker() and not os.environ.get("PAIRSMITH_REQUIRE_DOCKER"):
        pytest.skip(why_no_docker())
    engine = make_engine(request.param, f"tests-{os.getpid()}")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def pool(engine: Engine) -> Iterator[SandboxPool]:
    """A pool on each engine in turn, shared by the whole session: programs can't touch each other."""
    pool = SandboxPool(engine, LIMITS, PATIENCE)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data beside the checkout; skips where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real data at {REAL_DATA.name}/: these files are not part of the project")
    return REAL_DATA


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own for the command, so that no Prefect database is shared with the user."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a small run from files."""
    return write_config(tmp_path_factory.mktemp("input"))


@pytest.fixture(scope="module")
def built(config: Path, home: Path) -> Path:
    """That run, undisturbed."""
    done = pairsmith("build", config, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return config.parent / "run"
