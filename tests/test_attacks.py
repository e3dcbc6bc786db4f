"""The attack corpus and its honest controls, on every sandbox; see `pipeline.execution.audit`."""

import functools
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from pairsmith.pipeline.execution.audit import (
    HONEST,
    LIMITS,
    Trial,
    attack_problem,
    attacks_folder,
    describe,
    load_attacks,
    make_engines,
    table_rows,
    try_attacks,
)
from pairsmith.pipeline.sandbox.bubblewrap import BubblewrapEngine
from pairsmith.pipeline.sandbox.contract import SandboxError
from pairsmith.pipeline.sandbox.docker_engine import LABEL, connect
from pairsmith.schemas.verdict import Cause, Label
from tests.sandboxes import make_engine, why_no_docker

ATTACKS = load_attacks(attacks_folder())
# One worker runs all of these: the corpus is tried once on each backend.
# The first test of a backend waits for all of them, which a busy machine may take long for.
pytestmark = [pytest.mark.xdist_group("attacks"), pytest.mark.timeout(1800)]
BACKENDS = ("bubblewrap", pytest.param("docker", marks=pytest.mark.docker))


@functools.cache
def try_all(backend: str) -> tuple[dict[str, Trial], list[str]]:
    """Return what came of each program, and what was left on the host when the last sandbox had ended."""
    label = f"attacks-{os.getpid()}"
    engine = make_engine(backend, label, LIMITS)
    trials = try_attacks(ATTACKS, engine, n_parallel=6)
    left: list[str] = []
    if backend == "docker":
        client = connect()
        left += [box.name for box in client.containers.list(all=True, filters={"label": f"{LABEL}={label}"})]
        client.close()
    elif isinstance(engine, BubblewrapEngine) and engine._user is not None:
        deadline = time.monotonic() + 10  # the kernel ends a namespace in its own time
        while (left := processes_of(engine._user)) and time.monotonic() < deadline:
            time.sleep(0.1)
    return {trial.attack.name: trial for trial in trials}, left


def trials_on(backend: str) -> dict[str, Trial]:
    return try_all(backend)[0]


def processes_of(uid: int) -> list[str]:
    """Return the names of this machine's processes that run as that user."""
    names = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == uid or f"\t{uid}\t" in (folder / "status").read_text():
                names.append((folder / "comm").read_text())
        except OSError:
            continue
    return names


def require(backend: str) -> None:
    if backend == "docker" and why_no_docker() and not os.environ.get("PAIRSMITH_REQUIRE_DOCKER"):
        pytest.skip(why_no_docker())


def test_the_corpus_is_as_large_as_promised() -> None:
    n_by_class = Counter(attack.name.split("/")[0] for attack in ATTACKS)
    assert n_by_class.pop("honest") >= 15
    assert sum(n_by_class.values()) >= 100
    assert min(n_by_class.values()) >= 5
    assert all(attack.what[0].isupper() and attack.what.endswith(".") for attack in ATTACKS)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_it_holds(attack: object, backend: str) -> None:
    require(backend)
    trial = trials_on(backend)[attack.name]  # type: ignore[attr-defined]
    expects, verdict = trial.attack.expects, trial.verdict
    assert trial.left == ()
    assert verdict.label is not Label.UNDECIDED or expects == "undecided", verdict
    if expects != "contained":
        assert verdict.label == expects, verdict
    if trial.attack.cause:
        assert verdict.cause == trial.attack.cause, verdict
    assert trial.held
    assert (expects == HONEST) == trial.attack.name.startswith("honest/")


@pytest.mark.slow
@pytest.mark.docker
def test_both_backends_agree() -> None:
    """Labels are equal, and causes but for the limit that a program reaches first, which hangs on the load."""
    require("docker")
    limits = dict.fromkeys((Cause.TIMEOUT, Cause.MEMORY, Cause.OUTPUT_LIMIT), "a limit")
    ours, theirs = (
        {
            name: (one.verdict.label, limits.get(one.verdict.cause, one.verdict.cause))
            for name, one in trials.items()
        }
        for trials in map(trials_on, ("bubblewrap", "docker"))
    )
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_left_on_the_host(backend: str) -> None:
    require(backend)
    assert try_all(backend)[1] == []


@pytest.mark.slow
def test_a_trial_that_left_something_or_passed_has_not_held() -> None:
    trial = next(iter(trials_on("bubblewrap").values()))
    assert trial.held
    left = Trial(trial.attack, trial.verdict, ("/tmp/answer",))
    assert not left.held
    assert "NOT HELD" in table_rows([trial.attack], [[left]])[0][2]


def test_a_broken_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no attacks"):
        load_attacks(tmp_path)
    (tmp_path / "crash").mkdir()
    (tmp_path / "crash" / "nameless.py").write_text("import os\n")
    with pytest.raises(SandboxError, match="crash/nameless"):
        load_attacks(tmp_path)


def test_the_problem_is_not_solved_by_constants() -> None:
    assert len({case.expected for case in attack_problem().cases}) == len(attack_problem().cases)


@pytest.mark.slow
def test_what_is_active_is_said() -> None:
    engines, _ = make_engines(LIMITS, f"describe-{os.getpid()}")
    assert engines
    for engine in engines:
        line = describe(engine)
        assert engine.name in line
        assert "seccomp filter: on" in line
        engine.close()
