"""Hurts runs at live points, resumes them, and compares every byte with an undisturbed run.

    python -m benchmarks.chaos --n 200 --out chaos.jsonl

A run of small problems is drawn from a server of this process, built, published to a Hub of this process,
refreshed, trained and evaluated. Each trial starts one verb from the state that it starts from, waits until a
random one of the files that the undisturbed verb wrote is written (begun ones count), and hurts it: SIGKILL,
SIGTERM or SIGINT to the process, to its group or to one of its children; a full disk, too little memory, a
clock that steps; another builder or a viewer beside. Most are hurt again while they resume. Then the verb is
run to its end. Counted are: traces of Python where one line is promised, bytes that differ, answers that were
asked for again, shards that were written again. Exits with 1 where anything was lost, doubled beyond its bound,
or other than it should be.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from pairsmith.pipeline.chain.table import stage_folder, stored_stages
from tests.cli_kit import command_of, environment
from tests.hub_double import TOKEN, Hub, serve_hub
from tests.openai_server import Answer, Server, serving
from tests.refresh_kit import write_problems
from tests.training_kit import build_tiny_model

N_PROBLEMS, N_DRAWS = 6, 5
LIMIT_S = 600.0  # of one verb, on a busy machine
KINDS = (
    "kill", "kill", "kill", "kill", "kill group", "kill group", "term", "int group", "kill child", "full disk",
    "memory", "clock", "two builders", "viewer",
)  # fmt: skip
VERBS = ("build", "build", "build", "build", "build", "refresh", "publish", "train", "evaluate")
MEASURED = ("executions", "candidates")  # shards that hold seconds: their content is compared, not their bytes
CLOCK = """
import time, random
_time, _draw, _shift = time.time, random.Random(0), [0.0]
def stepping():
    if _draw.random() < 0.02: _shift[0] = _draw.choice((-86400.0, -3.0, 0.0, 3.0, 86400.0))
    return _time() + _shift[0]
time.time = stepping
"""


@dataclass(frozen=True)
class Trial:
    """What one trial gave; `wrong` is empty where all is as promised."""

    verb: str
    kind: str
    point: str
    n_hurt: int
    seconds: float
    asked_again: int
    written_again: int
    wrong: str


class House:
    """Servers, and a run in each state that a verb starts from."""

    def __init__(self, folder: Path, server: Server, hub: Hub, prefect: str, verbs: set[str]) -> None:
        self.folder, self.server, self.hub = folder, server, hub
        self.home = folder / "home"
        (self.home / "clock").mkdir(parents=True)
        (self.home / "clock" / "sitecustomize.py").write_text(CLOCK)
        (self.home / "server").write_text(prefect)
        server.script = answer
        self.config = write_problems(folder, N_PROBLEMS, published=False)
        self.model = build_tiny_model(folder / "tiny") if verbs & {"train", "evaluate"} else folder
        self.states: dict[str, Path] = {}
        self.ends: dict[str, dict[str, str]] = {}
        self.n_events: dict[str, int] = {}
        self.n_asked: dict[str, int] = {}
        for verb in ("build", "publish", "refresh", "train", "evaluate"):
            if verb in verbs or verb == "build" or (verb == "train" and "evaluate" in verbs):
                self._undisturbed(verb)

    def _undisturbed(self, verb: str) -> None:
        """Run a verb in peace; keep what it started from, and what it ended with."""
        run = self.fresh(verb)
        before = self.asked()
        watched = Events(run)
        process = self.start(verb, run)
        while process.poll() is None:
            watched.look()
            time.sleep(0.01)
        said = process.communicate()[1]
        assert process.returncode == 0, said
        watched.look()
        self.n_events[verb], self.n_asked[verb] = len(watched.seen), self.asked() - before
        self.ends[verb] = self.digest(verb, run)
        self.states[verb] = self.folder / "states" / verb
        shutil.copytree(run, self.states[verb])
        print(f"{verb}: {len(watched.seen)} files written, {self.n_asked[verb]} answers", flush=True)

    def asked(self) -> int:
        return sum(self.server.tries.values())

    def fresh(self, verb: str) -> Path:
        """Return the folder of all runs in the state that a verb starts from: its path is in what is compared."""
        before = {"publish": "build", "train": "build", "evaluate": "train"}.get(verb)
        run = self.folder / "trial" / "run"
        shutil.rmtree(run.parent, ignore_errors=True)
        run.parent.mkdir(parents=True)
        if before is not None:
            shutil.copytree(self.states[before], run)
        self.hub.repos.clear()
        return run

    def start(
        self, verb: str, run: Path, clock: bool = False, prefix: list[str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start a verb on a run in a process group of its own."""
        given = [
            f"run={run}",
            "sampling.backend=openai",
            f"sampling.base_url={self.server.url}",
            "sampling.model=m",
        ]
        given += ["sampling.n_per_request=1", "sampling.concurrency=4"]
        given += ["crosscheck.n_inputs=16", "sandbox.scale_limits=false"]  # a trial costs less, in every stage
        if verb in ("refresh", "publish"):
            given += ["publish.dataset=tester/grown"]
        if verb in ("train", "evaluate"):
            given += [f"training.start={self.model}", "training.max_steps=6", "training.checkpoint_steps=2"]
            given += ["training.batch_size=2", "training.max_length=256"]
        if verb == "evaluate":
            given = [one for one in given if not one.startswith("sampling.")]
            given += ["sampling.backend=transformers", f"sampling.model={self.model}", "scoring.n=2"]
            given += ["sampling.max_tokens=16"]
        arguments = [part for one in given for part in ("--set", one)]
        env = {**environment(self.home), "HF_ENDPOINT": self.hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
        env |= {"OPENAI_API_KEY": "k"}
        if clock:
            env["PYTHONPATH"] = f"{self.home / 'clock'}:{env.get('PYTHONPATH', '')}"
        return subprocess.Popen(
            [*(prefix or []), *command_of(verb, self.config, *arguments)], env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def digest(self, verb: str, run: Path) -> dict[str, str]:
        """Return digests of what a verb makes, by path."""
        found = {}
        for stage in stored_stages():
            folder = stage_folder(run, stage)
            manifest = folder.manifest()
            for file in manifest.files if manifest is not None else ():
                found[f"{stage}/{file.name}"] = file.content if stage in MEASURED else file.sha256
        for pattern in (
            "dataset/**/*",
            "versions/**/*",
            "report.html",
            "training/adapter/*",
            "evaluation/**/score.json",
        ):
            for path in sorted(run.glob(pattern)):
                if path.is_file():
                    found[path.relative_to(run).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
        if verb in ("publish", "refresh"):
            for (kind, repo_name), repo in self.hub.repos.items():
                for name, held in repo.files(repo.head).items():
                    found[f"{kind}:{repo_name}/{name}"] = held.sha256
        return found


def answer(body: dict[str, Any], n: int) -> Answer:
    """Answer for a problem by the seed alone: right in three forms, wrong in two."""
    text = json.dumps(body["messages"])
    name, returns = re.findall(r"Write (f\d+),.*? returns ([^\\]*?)\.(?:\\n|\")", text)[-1]
    code = (
        f"def {name}(x):\n    return {returns}", f"def {name}(x):\n    y = {returns}\n    return y",
        f"def {name}(x):\n    return None", f"def {name}(x):\n    raise ValueError(x)",
        f"def {name}(x):\n    if x > 20:\n        return 'big'\n    return {returns}",
    )[body["seed"] % 5]  # fmt: skip
    choice = {"index": 0, "message": {"content": f"```python\n{code}\n```"}, "finish_reason": "stop"}
    time.sleep(0.02)
    said = {"choices": [choice], "usage": {"prompt_tokens": 20, "completion_tokens": 20}}
    return 200, {}, json.dumps(said).encode()


class Events:
    """Files of a run that were begun or written since this was made."""

    def __init__(self, run: Path) -> None:
        self.run, self.seen = run, dict[tuple[str, int], None]()
        self.before = set(self._now())

    def _now(self) -> Iterator[tuple[str, int]]:
        for root, _, files in os.walk(self.run):
            for name in files:
                with contextlib.suppress(OSError):
                    path = Path(root, name)
                    yield path.relative_to(self.run).as_posix(), path.stat().st_mtime_ns

    def look(self) -> int:
        """Return how many there are by now."""
        for one in self._now():
            if one not in self.before:
                self.seen.setdefault(one)
        return len(self.seen)

    @property
    def point(self) -> str:
        """Return the stage of the last one."""
        last = next(reversed(self.seen), ("start", 0))[0]
        return last.split("/")[0]


def try_one(house: House, verb: str, kind: str, draw: random.Random) -> Trial:
    """Hurt a verb once or more, run it to its end, and compare."""
    started, asked = time.monotonic(), house.asked()
    run = house.fresh(verb)
    wrong, points, n_hurt = [], [], 0
    mount = contextlib.nullcontext() if kind != "full disk" else small_disk(run, draw)
    with mount:
        for _ in range(draw.choice((3, 4, 5, 6))):  # the end of a trial, which is compared, costs most
            events = Events(run)
            at = draw.randrange(max(house.n_events[verb], 1))
            prefix = ["prlimit", f"--as={draw.choice((600, 900, 1400)) << 20}"] if kind == "memory" else None
            process = house.start(verb, run, kind == "clock", prefix)
            beside = beside_it(house, verb, kind, run)
            deadline = time.monotonic() + LIMIT_S
            while process.poll() is None and events.look() <= at and time.monotonic() < deadline:
                time.sleep(0.01)
            if process.poll() is None and draw.random() < 0.5:
                time.sleep(draw.uniform(0.0, 0.05))
            if process.poll() is None:
                n_hurt += 1
                points.append(events.point)
                hurt(process, kind, draw)
            said = finish(process, kind)
            n_hurt += kind == "full disk" and process.returncode != 0
            wrong += judge_end(process.returncode, said, kind)
            if beside is not None:
                wrong += end_beside(beside, kind)
    if kind == "full disk":
        run.rmdir()
        run.with_name("kept").rename(run)
    kept = shards_of(run)
    process = house.start(verb, run)
    said = finish(process, "")
    if process.returncode != 0:
        wrong.append(f"resuming ended with {process.returncode}: {said[-300:]}")
    else:
        end, right = house.digest(verb, run), house.ends[verb]
        wrong += [
            f"differs: {name}" for name in sorted(end.keys() | right.keys()) if end.get(name) != right.get(name)
        ]
    if left := [path.name for path in run.rglob("*.partial")]:
        wrong.append(f"left behind: {left[:3]}")
    again = sum(shards_of(run).get(name) != mark for name, mark in kept.items())
    asked_again = house.asked() - asked - house.n_asked[verb]
    if asked_again > (n_hurt + 1) * 8:
        wrong.append(f"{asked_again} answers asked for again")
    return Trial(
        verb, kind, ",".join(points), n_hurt, time.monotonic() - started, asked_again, again, "; ".join(wrong)
    )


def shards_of(run: Path) -> dict[str, int]:
    return {path.relative_to(run).as_posix(): path.stat().st_mtime_ns for path in run.glob("*/*.parquet")}


def hurt(process: "subprocess.Popen[str]", kind: str, draw: random.Random) -> None:
    """Do to a process what the kind says."""
    with contextlib.suppress(ProcessLookupError, psutil.Error):
        if kind == "kill child":
            children = psutil.Process(process.pid).children(recursive=True)
            if children:
                draw.choice(children).kill()
        elif kind in ("kill", "clock", "viewer", "two builders"):
            process.kill()
        elif kind == "kill group":
            os.killpg(process.pid, signal.SIGKILL)
        elif kind == "term":
            process.send_signal(signal.SIGTERM)
        elif kind == "int group":
            os.killpg(process.pid, signal.SIGINT)


def finish(process: "subprocess.Popen[str]", kind: str) -> str:
    """Wait for the end of a process; return what it said, `hangs` where it has none."""
    try:
        return process.communicate(timeout=LIMIT_S)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "hangs"


def judge_end(code: int, said: str, kind: str) -> list[str]:
    """Return what is wrong with how a hurt process ended: one line is promised, and never a trace of Python."""
    if said == "hangs":
        return [f"{kind}: hangs"]
    if code < 0 and kind in ("kill", "kill group", "clock", "viewer", "two builders"):
        return []
    wrong = []
    if "Traceback" in said or (code < 0 and kind != "kill child"):
        wrong.append(f"{kind}: exit {code}, {said[-400:]!r}")
    elif code and len(said.strip().splitlines()) != 1:
        wrong.append(f"{kind}: {len(said.strip().splitlines())} lines: {said[-300:]!r}")
    return wrong


def beside_it(house: House, verb: str, kind: str, run: Path) -> "subprocess.Popen[str] | None":
    """Start what runs beside the verb."""
    if kind == "two builders":
        while not (run / ".lock").exists():
            time.sleep(0.05)
        return house.start(verb, run)
    if kind == "viewer" and verb != "build":
        return subprocess.Popen(
            command_of("view", run, "--port", "0"), env=environment(house.home), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
    return None


def end_beside(process: "subprocess.Popen[str]", kind: str) -> list[str]:
    """Return what is wrong with what ran beside."""
    if kind == "viewer":
        process.terminate()
    said = finish(process, kind)
    if "Traceback" in said:
        return [f"beside, {kind}: {said[-300:]!r}"]
    return []


@contextlib.contextmanager
def small_disk(run: Path, draw: random.Random) -> Iterator[None]:
    """Have a run in a file system of its own that has little room; keep what is there as `kept` beside it."""
    kept, held = run.with_name("kept"), run.with_name("held")
    if run.exists():
        run.rename(held)
    run.mkdir(parents=True)
    used = sum(path.stat().st_size for path in held.rglob("*") if path.is_file()) if held.exists() else 0
    size = used + draw.randrange(40, 500) * 1024
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(run)], check=True)
    try:
        if held.exists():
            shutil.copytree(held, run, dirs_exist_ok=True)
        yield
    finally:
        shutil.copytree(run, kept)
        subprocess.run(["umount", "-l", str(run)], check=True)
        shutil.rmtree(held, ignore_errors=True)


@contextlib.contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """Serve Prefect for all verbs: a start of its own for each takes longer than a verb."""
    home.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    env = {**environment(home), "PREFECT_UI_ENABLED": "0"}
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, env=env, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    url = f"http://127.0.0.1:{port}/api"
    try:
        deadline = time.monotonic() + 180
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                    break
            assert time.monotonic() < deadline, "no Prefect server"
            time.sleep(0.3)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def main() -> int:
    options = _options()
    draw = random.Random(options.seed)
    trials: list[Trial] = []
    ends = time.monotonic() + options.minutes * 60
    verbs = [verb for verb in VERBS if verb in options.verbs]
    with tempfile.TemporaryDirectory(dir=options.folder) as name, serving() as server, serve_hub() as hub:
        folder = Path(name)
        with prefect_server(folder / "home") as prefect:
            house = House(folder, server, hub, prefect, set(verbs))
            while sum(trial.n_hurt for trial in trials) < options.n and time.monotonic() < ends:
                verb, kind = draw.choice(verbs), draw.choice(options.kinds or KINDS)
                trial = try_one(house, verb, kind, draw)
                trials.append(trial)
                with options.out.open("a") as out:
                    out.write(json.dumps(asdict(trial)) + "\n")
                print(trial, flush=True)
    show(trials)
    return 1 if any(trial.wrong for trial in trials) else 0


def show(trials: list[Trial]) -> None:
    """Print a table, a row a kind."""
    print("| hurt by | trials | times hurt | answers asked again, mean and most | shards written again | wrong |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in dict.fromkeys(trial.kind for trial in trials):
        rows = [trial for trial in trials if trial.kind == kind]
        again = [trial.asked_again for trial in rows]
        print(
            f"| {kind} | {len(rows)} | {sum(row.n_hurt for row in rows)} | {sum(again) / len(again):.1f}, "
            f"{max(again)} | {sum(row.written_again for row in rows)} | {sum(bool(row.wrong) for row in rows)} |"
        )
    points = Counter(point for trial in trials for point in trial.point.split(",") if point)
    print("points:", ", ".join(f"{name} {n}" for name, n in points.most_common()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200, help="times that something is hurt")
    parser.add_argument("--minutes", type=float, default=600.0, help="no trial begins after so many")
    parser.add_argument("--verbs", nargs="+", default=list(dict.fromkeys(VERBS)))
    parser.add_argument("--kinds", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where runs lie; by default the folder for temporary files")
    parser.add_argument("--out", type=Path, default=Path("chaos.jsonl"), help="a line a trial")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
