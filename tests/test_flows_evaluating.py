from pathlib import Path

import pytest

from pairsmith.flows.evaluating import Evaluated, mark_run
from pairsmith.pipeline.evaluation.gate import check_gate, model_digest, read_gate, write_gate
from pairsmith.schemas.config import GateConfig, RunConfig, load_config
from pairsmith.schemas.score import Gain, Interval
from tests.report_run import make_score

SCORE = make_score("s", 0.0)


def gain(measure: str, change: float) -> Gain:
    return Gain(measure, Interval(0.5, 0.4, 0.6), Interval(0.5, 0.4, 0.6), Interval(change, change, change), True)


def run_of(tmp_path: Path, *overrides: str) -> RunConfig:
    adapter = tmp_path / "training" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    return load_config(None, [f"run={tmp_path}", *overrides])


def refused(tmp_path: Path) -> list[str] | None:
    gate = read_gate(tmp_path)
    return None if gate is None else [check.name for check in gate.refusals()]


START = Evaluated("held-out", "before", SCORE)
AFTER = Evaluated("held-out", "after", SCORE, (gain("pass@1", -0.1), gain("distinct_syntax", 0.0)))
FURTHER = Evaluated("mine", "after", SCORE, (gain("pass@1", -0.1),))


@pytest.mark.parametrize(
    ("evaluated", "override", "expected"),
    [
        ([START, AFTER], "gate.sets=[]", ["pass@1"]),
        ([START, AFTER, FURTHER], 'gate.sets=["mine"]', ["pass@1", "set mine"]),
        ([START, AFTER], 'gate.sets=["mine"]', ["pass@1", "set mine"]),
        ([START, Evaluated("held-out", "after", SCORE)], "gate.sets=[]", ["pass@1", "diversity"]),
        ([START], "gate.sets=[]", None),
        ([], "gate.sets=[]", None),
    ],
)
def test_what_the_run_trained_is_marked(
    tmp_path: Path, evaluated: list[Evaluated], override: str, expected: list[str] | None
) -> None:
    mark_run(run_of(tmp_path, override), evaluated)
    assert refused(tmp_path) == expected


@pytest.mark.parametrize(
    ("evaluated", "override"),
    [
        ([Evaluated("mine", "before", SCORE), FURTHER], "gate.sets=[]"),
        ([START, AFTER], 'evaluation.models=[{name="a"}]'),
    ],
)
def test_other_sets_and_other_models_leave_the_mark_as_it_was(
    tmp_path: Path, evaluated: list[Evaluated], override: str
) -> None:
    config = run_of(tmp_path, override)
    good = [gain("pass@1", 0.1), gain("distinct_syntax", 0.0)]
    write_gate(tmp_path, check_gate(good, {}, {}, GateConfig(), model_digest(tmp_path)))
    mark_run(config, evaluated)
    assert refused(tmp_path) == []
