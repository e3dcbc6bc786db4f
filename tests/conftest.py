"""Fixtures of the whole suite."""

import contextlib
import fcntl
import multiprocessing.process
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pairsmith.pipeline.languages.contract import LanguageError
from pairsmith.pipeline.languages.toolchains import Toolchains
from pairsmith.pipeline.problems import rows
from pairsmith.pipeline.sandbox.contract import Engine
from pairsmith.pipeline.sandbox.pool import SandboxPool
from tests.cli_kit import environment, run_pairsmith, write_config, write_samples
from tests.sandboxes import LIMITS, PATIENCE, make_engine, why_no_docker
from tests.stores_kit import KINDS, SERVERS, gs_server, new_address, s3_server

# Fixtures that start a sandbox, a server, a browser or a model: tests that use one are `slow`.
SLOW_FIXTURES = {"engine", "pool", "toolchains", "home", "prefect_here", *SERVERS, "model", "built"}
# The contract of a sandbox is held on both engines by day. What rests on the host beside it (limits, devices,
# compilers, clocks, images) is repeated on Docker at night; other tests need one engine that keeps the contract.
BOTH_BY_DAY = {"test_sandbox_contract", "test_sandbox_faults"}
BOTH_AT_NIGHT = {
    "test_answers", "test_classes", "test_environment", "test_flaky", "test_languages",
    "test_sandbox_overload", "test_sandbox_stdin",
}  # fmt: skip
# Files that run half a minute and more, the longest first: each is one worker's, and none is left for the end.
LONGEST_FIRST = (
    "test_meaning", "test_languages_tests", "test_attacks", "test_answers", "test_environment", "test_api_judge",
    "test_sandbox_contract", "test_flows_resume", "test_flows_rounds", "test_sampling_openai", "test_checkers",
    "test_languages", "test_sandbox_faults", "test_training_how", "test_training_run", "test_refreshing",
    "test_suites", "test_flows_cli", "test_packages", "test_sandbox_stdin", "test_flows_study",
)  # fmt: skip
REAL_DATA = Path(__file__).parents[1].parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the fast lane."""
    parser.addoption("--fast", action="store_true", help="Run only tests that start no other process.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark slow and nightly tests by what they use, put long files first; with `--fast`, deselect both."""
    left_out = set()
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("model"):
            item.add_marker("slow")
        module = item.path.stem
        if item.get_closest_marker("docker") and module not in BOTH_BY_DAY:
            item.add_marker("nightly")
            params = (
                item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
            )
            if params.get("engine") == "docker" and module not in BOTH_AT_NIGHT:
                left_out.add(item)
        if config.getoption("--fast") and any(item.get_closest_marker(name) for name in ("slow", "nightly")):
            left_out.add(item)
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    place = {module: number for number, module in enumerate(LONGEST_FIRST)}
    kept = [item for item in items if item not in left_out]
    items[:] = sorted(kept, key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session", autouse=True)
def no_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    """In the fast lane, fail a test that starts a process: it must be marked `slow`."""
    if not request.config.getoption("--fast"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("this test starts a process: mark it `slow`")

        patch.setattr(subprocess.Popen, "__init__", refuse)
        patch.setattr(multiprocessing.process.BaseProcess, "start", refuse)
        patch.setattr(rows, "each_in_time", lambda items, work: [work(item) for item in items])  # without its fork
        yield


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
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Make a folder if there is none; one worker at a time works on it."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def cache(shared: Path) -> Path:
    """A folder for what is compiled."""
    return shared / "compiled"


@pytest.fixture(scope="session")
def toolchains(pool: SandboxPool, cache: Path) -> Iterator[Toolchains]:
    """The compilers beside each pool."""
    with Toolchains(pool, cache) as toolchains:
        yield toolchains


@pytest.fixture
def require_language(toolchains: Toolchains) -> Callable[[str], None]:
    """Skips where a language's toolchain is missing, unless CI asks for all of them."""

    def require(language: str) -> None:
        try:
            toolchains.require([language])
        except LanguageError as error:
            if os.environ.get("PAIRSMITH_REQUIRE_LANGUAGES"):
                raise
            pytest.skip(str(error))

    return require


@pytest.fixture
def present(language: str, require_language: Callable[[str], None]) -> None:
    """Requires the language that a test is parametrized by."""
    require_language(language)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data beside the checkout; skips where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real data at {REAL_DATA.name}/: these files are not part of the project")
    return REAL_DATA


@pytest.fixture(scope="session")
def home(shared: Path) -> Iterator[Path]:
    """A home of its own for the command, with one Prefect server for all runs of all workers.

    Without a server each run starts a temporary one, which takes longer than a small run; one test does so.
    The worker that needs it first starts it, the one that needs it last ends it.
    """
    home = shared / "home"
    users = home / "users"
    with locked_folder(home):
        n_users = int(users.read_text()) if users.is_file() else 0
        if n_users == 0:
            (home / "group").write_text(str(_start_server(home)))
        users.write_text(str(n_users + 1))
    yield home
    with locked_folder(home):
        n_users = int(users.read_text()) - 1
        users.write_text(str(n_users))
        if n_users == 0:
            os.killpg(int((home / "group").read_text()), signal.SIGKILL)


def _start_server(home: Path) -> int:
    """Start a Prefect server, write its address into the file `server` and return its process group."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # Its services (schedules, late runs, telemetry) are loops that no test needs.
    command = [sys.executable, "-m", "prefect", "server", "start", "--no-services", "--port", str(port)]
    (home / "server").unlink(missing_ok=True)
    # A child of no worker: it may outlive the one that starts it.
    detached = ["bash", "-c", 'setsid "$@" < /dev/null &> /dev/null & echo $!', "bash", *command]
    group = int(subprocess.run(detached, env=environment(home), stdout=subprocess.PIPE, check=True).stdout)
    url = f"http://127.0.0.1:{port}/api"
    deadline = time.monotonic() + 240
    while not _answers(f"{url}/health"):
        assert time.monotonic() < deadline, "the Prefect server does not answer"
        time.sleep(0.2)
    (home / "server").write_text(url)
    return group


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    """A server that speaks S3; the variables by which it is found are set."""
    with s3_server() as found:
        yield found


@pytest.fixture(scope="session")
def gs() -> Iterator[None]:
    """A server that speaks as Google's store does; the variable by which it is found is set."""
    with gs_server():
        yield


@pytest.fixture(params=[pytest.param(one, marks=pytest.mark.slow) if one in SERVERS else one for one in KINDS])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new folder in each kind of store in turn."""
    if request.param in SERVERS:
        request.getfixturevalue(request.param)
    return new_address(request.param, tmp_path)


@pytest.fixture(scope="module")
def prefect_here(home: Path) -> Iterator[None]:
    """That server for flows of this process, too: a run needs no process of its own."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    url = (home / "server").read_text()
    with temporary_settings({PREFECT_API_URL: url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
        # What they still have to tell must be told while there is a server, or this process never ends.
        APILogWorker.instance().drain()
        EventsWorker.drain_all()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that trains in milliseconds; not to be written into."""
    from tests.training_kit import build_tiny_model

    pytest.importorskip("trl", reason="training needs pairsmith[train]")
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def samples(shared: Path) -> Path:
    """The samples of a small run."""
    folder = shared / "samples"
    with locked_folder(folder):
        if not (folder / "samples.jsonl").exists():
            write_samples(folder)
    return folder / "samples.jsonl"


@pytest.fixture(scope="session")
def built_once(shared: Path, samples: Path, home: Path) -> Path:
    """That run, built once for all modules; not to be written into."""
    folder = shared / "once"
    with locked_folder(folder):
        if not (folder / "done").exists():
            done = run_pairsmith("build", write_config(folder, samples), home=home)
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "done").touch()
    return folder / "run"


@pytest.fixture(scope="module")
def config(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a small run from files."""
    return write_config(tmp_path_factory.mktemp("input"), samples)


@pytest.fixture(scope="module")
def built(config: Path, built_once: Path) -> Path:
    """That run, a copy for each module."""
    return Path(shutil.copytree(built_once, config.parent / "run", dirs_exist_ok=True))
