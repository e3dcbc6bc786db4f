"""Deployments: what they are called, when they run, what their forms ask, and how faults are taken."""

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml
from prefect import flow, task
from prefect.events.schemas.automations import AutomationCore, EventTrigger

from pairsmith.flows import build as building
from pairsmith.flows import deployed
from pairsmith.flows.deployed import SERVED, TimetableError, make_deployments
from pairsmith.flows.publishing import HELD_BACK
from pairsmith.flows.runtime.servers import local_server
from pairsmith.flows.runtime.stages import retried, set_policy
from pairsmith.pipeline.publishing.hub import HubDownError
from pairsmith.pipeline.run.errors import InfrastructureError, PairsmithError
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.sampling.protocol import SamplingError, ServerDownError
from pairsmith.pipeline.sandbox.contract import SandboxError
from pairsmith.schemas.config import load_config
from pairsmith.schemas.config.run import ServiceConfig
from tests.refresh_kit import write_problems

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_all_flows_are_deployed_with_their_times(tmp_path: Path) -> None:
    path = write_problems(tmp_path, 1)
    overrides = ["schedule.refresh='*/5 * * * *'", "schedule.timezone=Europe/Berlin"]
    made = {one.flow_name: one for one in make_deployments(load_config(path, overrides), path, overrides)}
    assert set(made) == {flow.name for flow in SERVED} >= {"build", "refresh", "train", "evaluate", "publish"}
    times = [one.schedule.model_dump() for one in made["refresh"].schedules or () if one.schedule]
    assert [(one["cron"], one["timezone"]) for one in times] == [("*/5 * * * *", "Europe/Berlin")]
    assert not made["build"].schedules
    assert made["build"].name == "run"
    assert made["build"].parameters == {"config": str(path), "overrides": overrides}
    assert made["build"].entrypoint == "pairsmith.flows.deployed.build"


@pytest.mark.slow
@pytest.mark.parametrize("override", ["schedule.refresh='every day'", "schedule.refresh='61 * * * *'"])
def test_a_schedule_that_is_none_is_named(tmp_path: Path, override: str) -> None:
    path = write_problems(tmp_path, 1)
    with pytest.raises(TimetableError, match=r"schedule\.refresh"):
        make_deployments(load_config(path, [override]), path, [override])


def test_forms_show_types_and_words_for_every_parameter() -> None:
    for one in SERVED:
        schema = one.parameters.model_dump()
        assert schema["required"] == ["config"], one.name
        for name, described in schema["properties"].items():
            assert described.get("description"), (one.name, name)
            assert described.get("type") or described.get("anyOf"), (one.name, name)


@pytest.mark.slow
def test_the_project_file_names_flows_that_are_there() -> None:
    tree = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    pools = {one["work_pool"]["name"] for one in tree["deployments"]}
    assert pools == {
        "pairsmith-process",
        "pairsmith-docker",
        "pairsmith-kubernetes-cpu",
        "pairsmith-kubernetes-gpu",
    }
    template = json.loads((ROOT / "data" / "kubernetes" / "pool.json").read_text(encoding="utf-8"))
    variables = set(template["variables"]["properties"])
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == variables
    for deployment in tree["deployments"]:
        if "kubernetes" in deployment["work_pool"]["name"]:
            assert set(deployment["work_pool"]["job_variables"]) <= variables
    assert all(set(one["parameters"]) == {"config"} for one in tree["deployments"])
    entrypoints = {one["entrypoint"] for one in tree["deployments"]}
    assert entrypoints == {f"pairsmith.flows.deployed.{one.name}" for one in SERVED}
    # In a process of its own, as a worker starts it: a script's path would put its folder before the package.
    code = (
        "import sys; from prefect.flows import load_flow_from_entrypoint as load\n"
        "print(*(load(entrypoint).name for entrypoint in sys.argv[1:]))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code, *sorted(entrypoints)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert loaded.stdout.split() == sorted(one.name for one in SERVED), loaded.stderr


def test_the_automations_of_the_docs_are_ones() -> None:
    text = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    made = [AutomationCore.model_validate(yaml.safe_load(block)) for block in blocks]
    assert [one.trigger.expect for one in made if isinstance(one.trigger, EventTrigger)] == [
        {HELD_BACK}, {"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "is_transient"),
    [
        (SandboxError, True),
        (ServerDownError, True),
        (HubDownError, True),
        (SamplingError, False),
        (PairsmithError, False),
        (ValueError, False),
    ],
)
def test_only_faults_of_the_infrastructure_are_tried_again(
    prefect_here: None, monkeypatch: pytest.MonkeyPatch, kind: type[Exception], is_transient: bool
) -> None:
    assert issubclass(kind, InfrastructureError) == is_transient
    calls = []

    @task
    def work() -> str:
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise kind("broken")
        return "done"

    @flow
    def run() -> str:
        return retried(work)()

    monkeypatch.setattr("pairsmith.flows.runtime.stages._RETRY_DELAY_S", 0.05)
    set_policy(ServiceConfig(retries=3))
    try:
        if is_transient:
            assert run() == "done"
        else:
            with pytest.raises(kind):
                run()
    finally:
        set_policy(None)
    assert len(calls) == (3 if is_transient else 1)
    calls.clear()
    with pytest.raises(kind):  # without a service a person is told at once
        run()
    assert len(calls) == 1


def test_a_served_run_ends_at_its_time_and_closes_what_it_opened(
    prefect_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    def never(*arguments: object) -> Path:
        try:
            while True:
                time.sleep(0.01)
        finally:
            closed.append(True)

    monkeypatch.setattr(building.build, "fn", never)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        deployed.build(str(write_problems(tmp_path, 1)), ("service.timeout_s=0.5",))
    assert closed == [True]
    assert time.monotonic() - began < 20


def test_a_refresh_beside_another_is_skipped_without_an_alarm(prefect_here: None, tmp_path: Path) -> None:
    path = write_problems(tmp_path, 1)
    with locked(tmp_path / "run"):
        state = deployed.refresh(str(path), return_state=True)
    assert (state.name, state.is_completed()) == ("Skipped", True)
    assert "another pairsmith" in (state.message or "")


@pytest.mark.slow
def test_the_local_server_is_used_or_started_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PairsmithError, match="if the port is taken"), local_server(port):
            pytest.fail("something else is at that port")
    with local_server(port) as url:
        assert httpx.get(f"{url}/health", timeout=20).json() is True
        with local_server(port) as same:
            assert same == url
        assert httpx.get(f"{url}/health", timeout=20).json() is True
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, timeout=5)
