"""One process of a launched run: `python -m pairsmith.pipeline.training.worker JOB`."""

import json
import sys
import warnings
from pathlib import Path

from accelerate import PartialState

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.training.launch import FAILED
from pairsmith.pipeline.training.work import Job, do_steps
from pairsmith.schemas.config.training import TrainingConfig


def read_job(path: Path) -> Job:
    """Return the job that a file holds."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    folders = {name: Path(tree[name]) for name in ("dataset", "start", "out")}
    cache = Path(tree["cache"]) if tree["cache"] else None
    config = TrainingConfig.model_validate(tree["config"])
    return Job(**{**tree, **folders, "config": config, "cache": cache})


def main(path: Path) -> int:
    """Do the steps of a job; what a user can remedy is written down in one line."""
    job = read_job(path)
    try:
        do_steps(job, lambda plan: None, lambda step: None)
    except PairsmithError as error:
        (job.out / FAILED).write_text(" ".join(str(error).split()) + "\n", encoding="utf-8")
        return 1
    PartialState().destroy_process_group()  # torch aborts where it is left to the interpreter's end
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(Path(sys.argv[1])))
