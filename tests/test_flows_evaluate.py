"""Evaluation through the command, on samples that were made up: what is measured, and what the gate says."""

import json
from pathlib import Path

import pytest

from pairsmith.pipeline.evaluation.gate import check_gate, read_gate
from pairsmith.pipeline.evaluation.score import gains_from_json, score_from_json, slices_from_json
from pairsmith.pipeline.problems.sources.starter import StarterProblem, load_starter, starter_folder
from pairsmith.schemas.config import GateConfig
from tests.cli_kit import call_pairsmith

N = 8  # samples per problem
ALL = load_starter(starter_folder())
ITEMS = [*ALL[:8], *ALL[-8:]]  # trivial and medium ones


def write_samples(path: Path, codes_of: dict[str, list[str]]) -> Path:
    rows = [{"task_id": key, "solution": code} for key, codes in codes_of.items() for code in codes]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def samples_of(item: StarterProblem, n_right: int) -> list[str]:
    """N samples: the first are right, the others wrong in turns."""
    wrong = [wrong.code for wrong in item.wrong]
    return [item.problem.reference] * n_right + [wrong[place % len(wrong)] for place in range(N - n_right)]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, home: Path, prefect_here: None) -> Path:
    """A start that is right half of the time, a harmed model, and one that always gives one solution."""
    folder = tmp_path_factory.mktemp("evaluate")
    models = []
    for name, n_right in (("before", 4), ("harmed", 1), ("single", N)):
        codes = {item.problem.problem_id: samples_of(item, n_right) for item in ITEMS}
        models.append(f'{{name = "{name}", samples = "{write_samples(folder / f"{name}.jsonl", codes)}"}}')
    ids = json.dumps([item.problem.problem_id for item in ITEMS])
    config = folder / "run.toml"
    config.write_text(
        f"""
run = "{folder / "run"}"
problems.ids = {ids}
pairs.test_share = 0.8
sandbox.backend = "bubblewrap"
execution.n_runs = 1
scoring = {{ n = {N}, k = [1, 2, 4], min_slice = 6, n_bootstrap = 500 }}
evaluation.models = [{", ".join(models)}]
gate.slices = ["language=python"]
[[evaluation.sets]]
name = "all"
source = "starter"
ids = {ids}
""",
        encoding="utf-8",
    )
    done = call_pairsmith("evaluate", config, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_each_model_is_scored_on_each_set(evaluated: Path) -> None:
    run = evaluated / "run" / "evaluation"
    scores = {
        name: score_from_json((run / name / "score.json").read_text()) for name in ("before", "harmed", "single")
    }
    assert {name: score.pass_at[1].value for name, score in scores.items()} == pytest.approx(
        {"before": 0.5, "harmed": 0.125, "single": 1.0}
    )
    whole = score_from_json((run / "sets" / "all" / "single" / "score.json").read_text())
    assert len(whole.problems) == len(ITEMS) > len(scores["single"].problems)
    assert whole.measures["distinct_syntax@4"].value == pytest.approx(1.0)
    assert whole.measures["quality"].value > 0.0


def test_the_gate_refuses_a_harmed_model_and_one_that_always_gives_one_solution(evaluated: Path) -> None:
    run = evaluated / "run"
    refused = {}
    for name in ("harmed", "single"):
        gains = gains_from_json((run / "evaluation" / name / "gains.json").read_text())
        refused[name] = [check.name for check in check_gate(gains, {}, {}, GateConfig()).refusals()]
    assert refused == {"harmed": ["pass@1"], "single": ["diversity"]}
    gate = read_gate(run)  # of the last model, with a slice that holds all problems and so is none
    assert gate is not None
    assert [check.name for check in gate.refusals()] == ["diversity", "slice language=python"]


def test_slices_are_compared(evaluated: Path) -> None:
    path = evaluated / "run" / "evaluation" / "sets" / "all" / "harmed" / "slices.json"
    slices = {part.name: part for part in slices_from_json(path.read_text())}
    assert {"level=medium", "level=trivial"} <= set(slices)
    assert all(part.n_problems >= 6 for part in slices.values())
    assert all(part.gains[0].change.value == pytest.approx(-0.375) for part in slices.values())
