"""Serves a run whose refresh is due every minute; lets it grow, kills it, cancels it: what is redone, and left.

    python -m benchmarks.served grow kill cancel

Starts a Prefect server of its own on loopback; each part takes some minutes. Exits with 1 where something was
redone that need not be, lost, or left behind.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import httpx
import psutil
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.publishing.versions import list_versions, read_changelog
from tests.cli_kit import command_of, environment
from tests.refresh_kit import write_problems

LIMIT_S = 420.0  # for one thing to happen; runs are due every minute
SLOW_S = 0.5  # that most programs of the last growth sleep: there must be a middle to kill in


class Service:
    """A Prefect server and `pairsmith serve`, each in a process group of its own."""

    def __init__(self, home: Path, config: Path) -> None:
        self.home, self.config = home, config
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.start_server()
        self._start(command_of("serve", self.config, "--set", "schedule.refresh='* * * * *'"), "serve.log")

    def start_server(self) -> None:
        place = ("--host", "127.0.0.1", "--port", str(self.port))
        self._start([sys.executable, "-m", "prefect", "server", "start", *place], "server.log")
        wait_for("the server answers", lambda: answers(f"{self.url}/health"))
        (self.home / "server").write_text(self.url)

    def _start(self, command: list[str], log: str) -> None:
        with (self.home / log).open("ab") as file:
            self.processes.append(
                subprocess.Popen(
                    command, env=environment(self.home), stdout=file, stderr=file, start_new_session=True
                )
            )

    def kill(self) -> int:
        """Kill both and all of their children by SIGKILL; return how many processes that were."""
        found = [psutil.Process(one.pid) for one in self.processes if one.poll() is None]
        found += [child for one in list(found) for child in one.children(recursive=True)]
        for one in found:
            with contextlib.suppress(ProcessLookupError):  # some end with those that started them
                os.kill(one.pid, signal.SIGKILL)
        for process in self.processes:
            process.wait()
        self.processes.clear()
        return len(found)

    def ended_runs(self) -> list[FlowRun]:
        """Return the refreshes that have come to an end, in the order in which they did."""
        with get_client(sync_client=True) as client:
            runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["refresh"])))
        ended = [run for run in runs if run.state and run.state.is_final()]
        return sorted(ended, key=lambda run: str(run.end_time))


@contextlib.contextmanager
def serving(home: Path, config: Path) -> Iterator[Service]:
    service = Service(home, config)
    try:
        service.start()
        with temporary_settings({PREFECT_API_URL: service.url}):
            yield service
    finally:
        service.kill()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def wait_for(what: str, is_so: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"after {limit_s:.0f} s still not: {what}")
        time.sleep(0.5)


def next_run(service: Service, seen: set[UUID], word: str) -> FlowRun:
    """Wait for a refresh that was not seen before and whose state's message has this word."""
    found: list[FlowRun] = []

    def came() -> bool:
        for run in service.ended_runs():
            if run.id not in seen:
                seen.add(run.id)
                found.append(run)
        return any(word in (run.state.message or "") for run in found if run.state)

    wait_for(f"a refresh that says {word!r}", came)
    run = next(run for run in found if run.state and word in (run.state.message or ""))
    for one in found:
        assert one.state is not None
        seconds = one.total_run_time.total_seconds()
        print(f"  {one.name:<28} {one.state.name:<10} {seconds:6.1f} s  {one.state.message}", flush=True)
    return run


def executed(run: Path) -> dict[str, float]:
    """Return candidate to the seconds that its execution took: another number where it ran again."""
    return {row.candidate_id: row.wall_s for row in stage_folder(run, "executions").read_all()}


def grow(folder: Path) -> list[str]:
    """Refresh as the run is new, unchanged, and one problem larger."""
    config = write_problems(folder, 6, published=False)
    run, seen = folder / "run", set[UUID]()
    with serving(folder, config) as service:
        print("first: builds")
        next_run(service, seen, "v1 is new")
        first = executed(run)
        print("second: nothing new")
        next_run(service, seen, "nothing new: v1 stands")
        print("third: a problem more in the file")
        write_problems(folder, 7, published=False)
        next_run(service, seen, "v2 is new")
        second = executed(run)
    again = [key for key, wall_s in first.items() if second.get(key) != wall_s]
    print(f"  programs that ran: {len(second) - len(first)} new, {len(again)} again")
    print(f"versions: {', '.join(one.name for one in list_versions(run))}\n\n{read_changelog(run)}")
    return ["programs ran again, or too few did"] if again or len(second) != len(first) + 5 else []


def kill(folder: Path) -> list[str]:
    """Kill server, worker and run by SIGKILL in mid-run, and start both again."""
    config = write_problems(folder, 24, published=False, slow_s=SLOW_S)
    run, seen = folder / "run", set[UUID]()
    faults: list[str] = []
    with serving(folder, config) as service:
        wait_for("some shards", lambda: n_shards(run) >= 4)
        n_killed = service.kill()
        made = written(run)
        print(f"kill -9 of {n_killed} processes with {len(made)} of 12 shards of executions there")
        service.start()
        next_run(service, seen, "v1 is new")
        faults += kept(made)
        print("and once more: nothing new")
        next_run(service, seen, "nothing new: v1 stands")
    return faults


def cancel(folder: Path) -> list[str]:
    """Cancel a run in the middle, and let the next one go on."""
    config = write_problems(folder, 24, published=False, slow_s=SLOW_S)
    run, seen = folder / "run", set[UUID]()
    faults: list[str] = []
    with serving(folder, config) as service:
        wait_for("some shards", lambda: n_shards(run) >= 4)
        below = [child for one in service.processes for child in psutil.Process(one.pid).children(recursive=True)]
        inside = [one for one in below if names_sandbox(one)]
        with get_client(sync_client=True) as client:
            (at_work,) = (one for one in client.read_flow_runs() if one.state_type is StateType.RUNNING)
            client.set_flow_run_state(at_work.id, Cancelling())
        began = time.monotonic()
        wait_for("the run is cancelled", lambda: state_of(at_work.id) is StateType.CANCELLED)
        print(f"cancelled in {time.monotonic() - began:.1f} s with {n_shards(run)} of 12 shards there")
        left = [one for one in inside if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        print(f"  {len(inside)} processes of sandboxes before, {len(left)} of them left")
        faults += ["sandboxes are left"] if left or not inside else []
        made = written(run)
        next_run(service, seen, "v1 is new")
        faults += kept(made)
    return faults


def main() -> int:
    parts = {"grow": grow, "kill": kill, "cancel": cancel}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="what to show; all by default")
    faults = []
    for name in parser.parse_args().parts or parts:
        print(f"-- {name}: {parts[name].__doc__}", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"pairsmith-{name}-", ignore_cleanup_errors=True) as folder:
            faults += parts[name](Path(folder))
    print("\n".join(faults) or "nothing was lost, and nothing done twice")
    return 1 if faults else 0


def n_shards(run: Path) -> int:
    return len(written(run))


def written(run: Path) -> dict[Path, int]:
    """Return the shards of executions with the time at which each was written."""
    return {path: path.stat().st_mtime_ns for path in (run / "executions").glob("part-*.parquet")}


def kept(made: dict[Path, int]) -> list[str]:
    same = [path for path, when in made.items() if path.stat().st_mtime_ns == when]
    print(f"  shards from before: {len(same)} of {len(made)} kept")
    return ["whole shards were made again"] if len(same) != len(made) else []


def names_sandbox(process: psutil.Process) -> bool:
    try:
        return "bwrap" in process.name() or "bwrap" in " ".join(process.cmdline()[:1])
    except psutil.Error:
        return False


def state_of(flow_run_id: UUID) -> StateType | None:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run_id).state_type


if __name__ == "__main__":
    sys.exit(main())
