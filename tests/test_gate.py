import math
from pathlib import Path

import pytest

from pairsmith.pipeline.evaluation.gate import STALE, GateError, check_gate, model_digest, read_gate, write_gate
from pairsmith.schemas.config import GateConfig
from pairsmith.schemas.score import Gain, Gate, GateOutcome, Interval

FLAT = Interval(0.5, 0.4, 0.6)


def gain(measure: str, change: float, is_significant: bool = True, width: float = 0.02) -> Gain:
    return Gain(measure, FLAT, FLAT, Interval(change, change - width, change + width), is_significant)


def judge(*gains: Gain, slices: dict[str, Gain] | None = None, **settings: object) -> Gate:
    return check_gate(gains, slices or {}, {}, GateConfig.model_validate(settings))


def refused(gate: Gate, *despite: str) -> list[str]:
    return [check.name for check in gate.refusals(despite)]


@pytest.mark.parametrize(
    ("pass_change", "is_significant", "evidence", "expected"),
    [
        (0.1, True, "significant", []),
        (-0.1, True, "significant", ["pass@1"]),
        (-0.1, False, "significant", []),
        (-0.1, False, "estimate", ["pass@1"]),
        (0.0, False, "estimate", []),
    ],
)
def test_a_fall_of_pass_at_1_counts_by_the_evidence_asked_for(
    pass_change: float, is_significant: bool, evidence: str, expected: list[str]
) -> None:
    gains = [gain("pass@1", pass_change, is_significant), gain("distinct_syntax", 0.0, False)]
    assert refused(judge(*gains, evidence=evidence)) == expected


@pytest.mark.parametrize(("allowed", "expected"), [(0.05, ["diversity"]), (0.2, []), (0.1, [])])
def test_diversity_may_fall_by_what_is_let_through(allowed: float, expected: list[str]) -> None:
    gains = [gain("pass@1", 0.1), gain("distinct_syntax", -0.1)]
    assert refused(judge(*gains, max_diversity_fall=allowed)) == expected


def test_any_named_slice_that_falls_is_told_and_others_are_not() -> None:
    slices = {"topic=strings": gain("pass@1", -0.2), "topic=lists": gain("pass@1", -0.3)}
    gate = judge(gain("pass@1", 0.1), gain("distinct_syntax", 0.0), slices=slices)
    assert refused(gate) == []
    named = check_gate(
        [gain("pass@1", 0.1), gain("distinct_syntax", 0.0)], slices, {}, GateConfig(slices=("topic=strings",))
    )
    assert refused(named) == ["slice topic=strings"]
    assert "pass@1 of slice topic=strings fell: -0.200 [-0.220, -0.180]" in named.refusals()[0].reason


def test_what_was_not_measured_counts_as_fallen() -> None:
    gate = check_gate([gain("pass@1", 0.1)], {}, {}, GateConfig(slices=("level=hard",), sets=("mine",)))
    assert refused(gate) == ["diversity", "slice level=hard", "set mine"]
    assert {check.outcome for check in gate.refusals()} == {GateOutcome.UNMEASURED}


def test_a_check_is_let_through_by_its_name_only() -> None:
    gate = judge(gain("pass@1", -0.1), gain("distinct_syntax", -0.5))
    assert refused(gate) == ["pass@1", "diversity"]
    assert refused(gate, "diversity") == ["pass@1"]
    assert refused(gate, "pass@1", "diversity") == []


def make_run(run: Path, weights: bytes) -> Path:
    adapter = run / "training" / "adapter"
    adapter.mkdir(parents=True, exist_ok=True)
    (adapter / "adapter_model.safetensors").write_bytes(weights)
    return adapter


def test_the_gate_is_read_from_the_run_and_from_folders_of_it(tmp_path: Path) -> None:
    adapter = make_run(tmp_path, b"weights")
    assert read_gate(tmp_path) is None
    gate = check_gate([gain("pass@1", -0.1)], {}, {}, GateConfig(), model_digest(tmp_path))
    write_gate(tmp_path, gate)
    for folder in (tmp_path, tmp_path / "dataset", adapter):
        found = read_gate(folder)
        assert found is not None
        assert refused(found) == ["pass@1", "diversity"]
        assert math.isnan(found.checks[1].change.value)
        assert found.checks[0] == gate.checks[0]


def test_an_adapter_that_was_trained_since_is_not_the_one_that_was_scored(tmp_path: Path) -> None:
    make_run(tmp_path, b"weights")
    gains = [gain("pass@1", 0.1), gain("distinct_syntax", 0.0)]
    write_gate(tmp_path, check_gate(gains, {}, {}, GateConfig(), model_digest(tmp_path)))
    make_run(tmp_path, b"others")
    found = read_gate(tmp_path)
    assert found is not None
    assert refused(found) == [STALE]
    assert refused(found, STALE) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"checks": [{"change": 3}]}', '{"checks": [], "model": 1}'])
def test_a_broken_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "gate.json").write_text(text)
    with pytest.raises(GateError, match=r"gate\.json.*pairsmith evaluate") as caught:
        read_gate(tmp_path)
    assert "\n" not in str(caught.value)
