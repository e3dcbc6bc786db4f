"""Starts a run's steps on several processes, and follows them by the files that they write."""

import importlib.util
import subprocess
import sys
import time
import warnings
from pathlib import Path

from pydantic import TypeAdapter

from pairsmith.pipeline.run import packaged_folder
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.sampling import guard
from pairsmith.pipeline.training import progress
from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.progress import OnPlan, OnStep, TrainingJob
from pairsmith.schemas.config.training import LaunchConfig, TrainingConfig

FAILED = "failed.txt"
"""What a worker could not do, in one line, in the folder of the run."""
_JOB, _OUTPUT = "job.json", "workers.log"
_POLL_S = 0.3
_TAIL = 300  # characters of the workers' output that an error shows
_OWN = ("ddp", "fsdp", "zero2", "zero3")
_AS_JSON = TypeAdapter(TrainingJob)


def launch_command(config: TrainingConfig, job: Path, is_cpu: bool) -> list[str]:
    """Return the command that starts a run's processes on this machine.

    On GPUs that is `accelerate launch` with a shipped or own configuration. On CPUs accelerate would want MPI, so
    torchrun starts them, to meet by gloo.

    Raises:
        TrainingError: no such configuration, no DeepSpeed where it is asked for, a number that is missing.
    """
    launch = config.launch
    file = _config_file(launch)
    if launch.machines > 1 and not (launch.address and launch.processes):
        raise TrainingError("several machines meet at training.launch.address, and launch.processes counts all")
    worker = ["-m", "pairsmith.pipeline.training.launch", str(job)]
    if is_cpu:
        if launch.config != "ddp":
            raise TrainingError(f"training.launch.config = {launch.config} needs GPUs; on CPUs use ddp")
        a_machine = (launch.processes or 1) // launch.machines
        return [
            sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(a_machine),
            "--nnodes", str(launch.machines), "--node_rank", str(launch.machine_rank),
            "--master_addr", launch.address or "127.0.0.1", "--master_port", str(launch.port), *worker,
        ]  # fmt: skip
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(file)]
    if launch.processes:
        command += ["--num_processes", str(launch.processes)]
    command += ["--num_machines", str(launch.machines), "--machine_rank", str(launch.machine_rank)]
    if launch.address:
        command += ["--main_process_ip", launch.address]
    return [*command, "--main_process_port", str(launch.port), *worker]


def run_launched(job: TrainingJob, is_cpu: bool, on_plan: OnPlan, on_step: OnStep) -> None:
    """Start the workers and wait until they are done; they end with this process, whatever ends it."""
    out = job.out
    path = write_job(job)
    for name in (FAILED, progress.PLAN):
        (out / name).unlink(missing_ok=True)
    command = launch_command(job.config, path, is_cpu)
    with (out / _OUTPUT).open("ab") as output:
        variables = {"PYTHONPATH": str(Path(__file__).parents[3])}
        workers = guard.start(command, variables, stdout=output, stderr=output)
        try:
            _follow(workers, out, on_plan, on_step)
        finally:
            guard.stop(workers)
    if workers.returncode or progress.read_worked(out) is None:
        raise TrainingError(_failure(out, workers.returncode))
    for name in (path.name, _OUTPUT):
        (out / name).unlink(missing_ok=True)


def write_job(job: TrainingJob) -> Path:
    """Write a job for this machine's workers into the folder of the run, and return the file."""
    rank = job.config.launch.machine_rank
    job.out.mkdir(parents=True, exist_ok=True)
    path = job.out / (_JOB if rank == 0 else f"{rank}-{_JOB}")
    path.write_bytes(_AS_JSON.dump_json(job))
    return path


def read_job(path: Path) -> TrainingJob:
    """Return the job that a file holds."""
    return _AS_JSON.validate_json(path.read_bytes())


def main(path: Path) -> int:
    """Do the steps of a job as one process of several; what a user can remedy is written down in one line."""
    from accelerate import PartialState

    from pairsmith.pipeline.training.work import do_steps

    job = read_job(path)
    try:
        do_steps(job, lambda plan: None, lambda step: None)
    except PairsmithError as error:
        (job.out / FAILED).write_text(" ".join(str(error).split()) + "\n", encoding="utf-8")
        return 1
    PartialState().destroy_process_group()  # torch aborts where it is left to the interpreter's end
    return 0


def _follow(workers: "subprocess.Popen[bytes]", out: Path, on_plan: OnPlan, on_step: OnStep) -> None:
    """Hand on the plan and each step as they come; steps that the run goes on from are in the log by then."""
    n_reported, is_planned = 0, False
    while True:
        is_over = workers.poll() is not None
        if not is_planned and (plan := progress.read_plan(out)) is not None:
            on_plan(plan)
            is_planned = True
        if is_planned:
            for step in progress.read_log(out)[n_reported:]:
                on_step(step)
                n_reported += 1
        if is_over:
            return
        time.sleep(_POLL_S)


def _failure(out: Path, returncode: int | None) -> str:
    try:
        return (out / FAILED).read_text(encoding="utf-8").strip()
    except OSError:
        pass
    try:
        tail = " ".join((out / _OUTPUT).read_text(encoding="utf-8", errors="replace").split())[-_TAIL:]
    except OSError:
        tail = ""
    return f"{out}: the workers ended with {returncode}; the end of {_OUTPUT}: ...{tail}"


def _config_file(launch: LaunchConfig) -> Path:
    name = launch.config
    if name not in _OWN:
        own = Path(name).expanduser()
        if not own.is_file():
            raise TrainingError(f"training.launch.config = {name}: no such file, and none of {', '.join(_OWN)}")
        return own
    if name.startswith("zero") and importlib.util.find_spec("deepspeed") is None:
        raise TrainingError(f"training.launch.config = {name} needs deepspeed; pip install deepspeed, or use fsdp")
    return packaged_folder("accelerate", "data/accelerate") / f"{name}.yaml"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(Path(sys.argv[1])))
