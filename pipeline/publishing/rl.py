"""Problems as those take them who go on with RL: prompt, what judges a completion, and what the problem is.

What judges is the whole problem as JSON: `pairsmith.rewards` reads it, so expected values stay on its side.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.chain.state import read_config
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.evaluation.rounds import count_passed
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.opening import make_opening
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import JudgedBy, Problem

Form = Literal["verl", "trl-grpo", "verifiers"]


class ExportError(PairsmithError):
    """There is nothing to export."""


def _verl(prompt: list[dict[str, str]], truth: str, facts: dict[str, Any], index: int) -> dict[str, Any]:
    return {
        "data_source": f"pairsmith/{facts['source']}",
        "prompt": prompt,
        "ability": "code",
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {**facts, "index": index},
    }


def _trl_grpo(prompt: list[dict[str, str]], truth: str, facts: dict[str, Any], index: int) -> dict[str, Any]:
    return {"prompt": prompt, "problem": truth, **facts}


def _verifiers(prompt: list[dict[str, str]], truth: str, facts: dict[str, Any], index: int) -> dict[str, Any]:
    return {"example_id": index, "prompt": prompt, "answer": "", "info": truth, "task": "pairsmith", **facts}


FORMS: Mapping[Form, Callable[[list[dict[str, str]], str, dict[str, Any], int], dict[str, Any]]] = {
    "verl": _verl, "trl-grpo": _trl_grpo, "verifiers": _verifiers,
}  # fmt: skip
"""Form to what makes a row of it.

Source: verl's datasets on the Hub have these five columns; TRL 1.16 gives `reward_funcs` every column; verifiers
takes `prompt`, `answer` and `info`, a dict as JSON (docs.primeintellect.ai/verifiers/environments).
"""


def export_problems(run: Path, form: Form, folder: Path) -> dict[str, int]:
    """Write the problems of a run that something judges, and return how many by split.

    Held-out problems are the test split. A row has the pass rate of the run's own draws, for curricula.

    Args:
        run: run folder.
        form: see `FORMS`.
        folder: where `train.parquet` and `test.parquet` go.

    Raises:
        ExportError: the run has no problems.
    """
    problems: Sequence[Problem] = stage_folder(run, "problems").read_all()
    judged = [row for row in problems if row.judged_by is not JudgedBy.NOTHING]
    if not judged:
        raise ExportError(f"{run}: no problems in there that anything judges; run `pairsmith build` first")
    config = read_config(run) or RunConfig()
    counts = count_passed(run)
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for problem in sorted(judged, key=lambda row: row.problem_id):
        part = rows[split_of(problem.problem_id, config.pairs.test_share)]
        n, c = counts.get(problem.problem_id, (0, 0))
        facts = {
            "problem_id": problem.problem_id, "source": problem.source, "level": problem.level,
            "topic": problem.topic, "language": problem.language, "pass_rate": c / n if n else None,
        }  # fmt: skip
        prompt = [{"role": "user", "content": make_opening(problem, "instruct").text}]
        truth = json.dumps(asdict(problem), sort_keys=True, default=str)
        part.append(FORMS[form](prompt, truth, facts, len(part)))
    for split, part in rows.items():
        if part:
            sink = pa.BufferOutputStream()
            pq.write_table(pa.Table.from_pylist(part), sink, compression="zstd")
            write_whole(folder / f"{split}.parquet", sink.getvalue().to_pybytes())
    return {split: len(part) for split, part in rows.items()}
