"""Every method of the table trains five real steps, saves, reloads and samples; DPO goes on after `kill -9`.

    python -m benchmarks.methods /tmp/methods

Builds pairs of starter problems with the embedded model, the best and the worst of each 4 draws, so that BoNBoN
takes them too; then trains an adapter by each method on two pairs a step, loads it again through the sampler, and
draws one answer with it. Last, DPO is killed by `kill -9` after its third step and goes on; its loss curve is held
against that of an undisturbed run, within 1e-5. What is there already is not done again.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.sampling import open_sampler
from pairsmith.pipeline.sampling.models import embedded_model
from pairsmith.pipeline.sampling.opening import make_opening
from pairsmith.pipeline.sampling.protocol import Drawn, Request
from pairsmith.pipeline.training.methods import METHODS
from pairsmith.pipeline.training.progress import load_summary, read_log
from pairsmith.pipeline.training.run import result_of, train
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.config.training import MethodName, TrainingConfig
from pairsmith.schemas.problem import Problem

TOLERANCE = 1e-5  # of a loss; on one machine and number of threads the curves are the same bytes
N_STEPS, KILLED_AT = 5, 3


def main() -> None:
    options = _options()
    run = options.folder / "pairs"
    _build(run, options.cache)
    start = embedded_model(options.cache, print)
    print(f"{'method':<13} {'s':>6} {'first loss':>11} {'last loss':>11}  drawn after reloading")
    for name in options.methods or METHODS:
        _try(name, run, start, options)
    _kill_and_go_on(run, start, options.folder)


def _config(name: MethodName) -> TrainingConfig:
    return TrainingConfig(
        method=name, max_steps=N_STEPS, batch_size=2, max_length=256, learning_rate=1e-4, checkpoint_steps=2,
        device="cpu",
    )  # fmt: skip


def _try(name: MethodName, run: Path, start: Path, options: argparse.Namespace) -> None:
    out = options.folder / name
    train(run / "dataset", start, _config(name), out, 0, lambda step: None, model_name="smollm2")
    summary = load_summary(out)
    assert summary is not None
    assert len(summary.steps) == N_STEPS
    seconds = sum(step.wall_s for step in summary.steps)
    first, last = summary.steps[0], summary.steps[-1]
    words = " ".join(_draw(out, run, options.cache).split())[:40]
    print(f"{name:<13} {seconds:6.1f} {first.loss:11.5g} {last.loss:11.5g}  {words}", flush=True)


def _draw(out: Path, run: Path, cache: Path) -> str:
    """Return a greedy answer of the trained model, loaded by the sampler."""
    _, adapter = result_of(out)
    problems: list[Problem] = stage_folder(run, "problems").read_all()
    problem = next(row for row in problems if row.entry_point == "add")
    config = SamplingConfig(model="smollm2", adapter=adapter, backend="transformers", max_tokens=24)
    with contextlib.closing(open_sampler(config, cache, None, lambda line: None)) as sampler:
        opening = make_opening(problem, "instruct")
        asked = Request("0" * 32, problem.problem_id, 0, opening, problem.entry_point, 0.0, 1.0, 24, 0)
        drawn = next(iter(sampler.sample([asked])))
    assert isinstance(drawn, Drawn), drawn
    assert drawn.n_tokens > 0
    return drawn.completion


_KILLED = """
import os, signal, sys
from pathlib import Path
from benchmarks.methods import KILLED_AT, _config
from pairsmith.pipeline.training.run import train
def kill(step):
    if step.step == KILLED_AT:
        os.kill(os.getpid(), signal.SIGKILL)
run, start, out = map(Path, sys.argv[1:])
train(run / "dataset", start, _config("dpo"), out, 0, kill, model_name="smollm2")
"""


def _kill_and_go_on(run: Path, start: Path, folder: Path) -> None:
    out, undisturbed = folder / "dpo-killed", folder / "dpo"
    if load_summary(undisturbed) is None:
        train(run / "dataset", start, _config("dpo"), undisturbed, 0, lambda step: None, model_name="smollm2")
    if load_summary(out) is None and not read_log(out):
        command = [sys.executable, "-c", _KILLED, str(run), str(start), str(out)]
        killed = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
        assert killed.returncode == -signal.SIGKILL, killed.returncode
    left = len(read_log(out))
    train(run / "dataset", start, _config("dpo"), out, 0, lambda step: None, model_name="smollm2")
    curves = [[step.loss for step in read_log(each)] for each in (undisturbed, out)]
    apart = max(abs(one - other) for one, other in zip(*curves, strict=True))
    print(
        f"dpo after kill -9 with {left} steps in its log: {len(curves[1])} steps, losses {apart:.1e} apart at most"
    )
    assert apart <= TOLERANCE


def _build(run: Path, cache: Path) -> None:
    command = [sys.executable, "-m", "pairsmith", "build", str(starter_folder().parent / "demo.toml")]
    policy = 'pairs.policies=[{name = "best_of_n", n = 4}]'
    for setting in (f"run={run}", policy, "sampling.backend=transformers"):
        command += ["--set", setting]
    command += ["--cache", str(cache)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=[])
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "pairsmith")
    return parser.parse_args()


if __name__ == "__main__":
    main()
