"""Problems as those take them who go on with RL: prompt, what judges a completion, and what the problem is.

What judges is the whole problem as JSON: `pairsmith.rewards` reads it, so expected values stay on its side.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from pairsmith.pipeline.chain.state import read_config
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.evaluation.rounds import count_passed
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import as_parquet, write_whole
from pairsmith.pipeline.sampling.opening import make_opening
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import JudgedBy, Problem

Form = Literal["verl", "trl-grpo", "verifiers", "openenv"]


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
    "verl": _verl, "trl-grpo": _trl_grpo, "verifiers": _verifiers, "openenv": _trl_grpo,
}  # fmt: skip
"""Form to what makes a row of it.

Source: verl's datasets on the Hub have these five columns; TRL 1.16 gives `reward_funcs` every column; verifiers
takes `prompt`, `answer` and `info`, a dict as JSON (docs.primeintellect.ai/verifiers/environments). OpenEnv takes
no rows but servers: `pairsmith.openenv` serves these.
"""
# A package of OpenEnv 0.10, as `openenv init` writes one; the block `validation` is its manifest.
_OPENENV_PACKAGE = {
    "openenv.yaml": """spec_version: 1
name: pairsmith
version: 0.1.0
type: space
runtime: fastapi
app: server.app:app
port: 8000
validation:
  reward: {range: [0.0, 1.0], oracle_tolerance: 0.0, floor_margin: 0.5}
  resources: {cpu: 2.0, memory_mb: 4096, disk_mb: 2048, episode_timeout_s: 120.0}
  capabilities: {verifier: {kind: reward_channel}}
  types: {tags: [code]}
""",
    "pyproject.toml": """[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "pairsmith-problems"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["openenv>=0.10", "pairsmith"]

[project.scripts]
server = "server.app:main"

[tool.setuptools]
packages = ["server"]
""",
    "server/__init__.py": "",
    "server/app.py": '''"""Serves the problems beside it: uvicorn server.app:app --port 8000."""

from pathlib import Path

from pairsmith.openenv import make_app

app = make_app(Path(__file__).parents[1])


def main() -> None:
    """Serve at port 8000."""
    import uvicorn

    uvicorn.run(app, host="0.0.0.0", port=8000)


if __name__ == "__main__":
    main()
''',
}


def export_problems(run: Path, form: Form, folder: Path) -> dict[str, int]:
    """Write the problems of a run that something judges, and return how many by split.

    Held-out problems are the test split. A row has the pass rate of the run's own draws, for curricula.

    Args:
        run: run folder.
        form: see `FORMS`.
        folder: where `train.parquet` and `test.parquet` go, and for OpenEnv the package that serves them.

    Raises:
        ExportError: the run has no problems.
    """
    problems: Sequence[Problem] = stage_folder(run, "problems").read_all()
    judged = [row for row in problems if row.judged_by is not JudgedBy.NOTHING]
    if not judged:
        raise ExportError(f"{run}: no problems with tests; run `pairsmith build` first")
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
            write_whole(folder / f"{split}.parquet", as_parquet(pa.Table.from_pylist(part)))
    for name, text in _OPENENV_PACKAGE.items() if form == "openenv" else ():
        write_whole(folder / name, text.encode())
    return {split: len(part) for split, part in rows.items()}
