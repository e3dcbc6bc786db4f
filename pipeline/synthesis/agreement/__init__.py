"""Samples and generated tests judge each other, where nobody knows a right answer.

`reading` finds the tests that a model wrote; `evidence` plans which program meets which input and which test
(`running` does it), and reads what came of it; `behaviours` groups programs by what they answer; `estimate` says
how likely each behaviour and each test is right, with coefficients fitted on known problems; `deciding` gives
labels and cases beyond thresholds. Only inputs enter a sandbox that holds a program.
"""

from pairsmith.pipeline.synthesis.agreement.deciding import judge_evidence
from pairsmith.pipeline.synthesis.agreement.estimate import Bin, Calibration, read_calibration
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
    "Bin",
    "Calibration",
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
