"""The configuration of labels by agreement."""

from pathlib import Path

from pydantic import Field

from pairsmith.schemas.config.section import Section, Share


class AgreementConfig(Section):
    """What responses and generated tests are held against, and from where on they are believed.

    The limits of programs are those of `truth`: `cpu_s` and `wall_s`.
    """

    n_inputs: int = Field(100, ge=1, le=10_000, description="Inputs of generated tests a problem, the commonest.")
    n_derived: int = Field(40, ge=0, le=10_000, description="Inputs derived from these.")
    n_code_tests: int = Field(20, ge=0, description="Tests a problem that are no case but code, the commonest.")
    max_tests: int = Field(10, ge=1, description="Tests taken from one answer, the first.")
    chosen_posterior: Share = Field(0.7, ge=0.5, description="From here on a response is right,")
    chosen_tests: Share = Field(
        0.3, description="if it passes this share of the tests, each weighed by how surprising it is."
    )
    rejected_posterior: Share = Field(0.05, lt=0.5, description="Up to here a response is wrong.")
    case_posterior: Share = Field(0.8, gt=0.5, description="From here on an answer is a case's expected value.")
    calibration: Path | None = Field(
        None, description="Coefficients fitted on own known problems; none takes those that come with pairsmith."
    )
    seed: int = Field(0, description="Of derived inputs.")
