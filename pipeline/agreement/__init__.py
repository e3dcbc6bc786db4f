"""Samples and generated tests judge each other, where nobody knows a right answer.

`reading` finds the tests that a model wrote; `evidence` runs every program on every input and every test on the
answers (`running`); `dual` is CodeT's dual execution agreement; `groups` and `joint` estimate how likely each
behaviour and each test is right; `deciding` gives labels and cases beyond thresholds; `calibration` tells how
honest the probabilities are. Only inputs enter a sandbox that holds a program.
"""

from pipeline.agreement.calibration import read_calibration
from pipeline.agreement.deciding import judge_evidence
from pipeline.agreement.evidence import Evidence, Response, gather_evidence
from pipeline.agreement.reading import Suite, read_suite

__all__ = ["Evidence", "Response", "Suite", "gather_evidence", "judge_evidence", "read_calibration", "read_suite"]
