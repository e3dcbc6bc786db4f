"""Samples and generated tests judge each other, where nobody knows a right answer.

`reading` finds the tests that a model wrote; `evidence` plans which program meets which input and which test
(`running` does it), and reads what came of it; `dual` is CodeT's dual execution agreement; `groups` and `joint`
estimate how likely each behaviour and each test is right; `deciding` gives labels and cases beyond thresholds;
`calibration` tells how honest the probabilities are. Only inputs enter a sandbox that holds a program.
"""

from pairsmith.pipeline.synthesis.agreement.calibration import read_calibration
from pairsmith.pipeline.synthesis.agreement.deciding import judge_evidence
from pairsmith.pipeline.synthesis.agreement.evidence import (
    Evidence,
    Plan,
    Response,
    plan_runs,
    read_evidence,
    run_plan,
)
from pairsmith.pipeline.synthesis.agreement.reading import Suite, read_suite

__all__ = [
    "Evidence",
    "Plan",
    "Response",
    "Suite",
    "judge_evidence",
    "plan_runs",
    "read_calibration",
    "read_evidence",
    "read_suite",
    "run_plan",
]
