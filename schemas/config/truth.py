"""The configuration of what is asked beyond a problem's own tests."""

from pydantic import Field

from pairsmith.schemas.config.section import Section, Share


class TruthConfig(Section):
    """Budgets and thresholds of the checks that go beyond the tests. All budgets are a problem's."""

    n_inputs: int = Field(256, ge=0, le=10_000, description="Derived inputs at most; 0 checks nothing.")
    n_programs: int = Field(200, ge=1, description="Different passed programs that are run on them at most.")
    cpu_s: int = Field(1, ge=1, description="CPU seconds of a program over all derived inputs.")
    wall_s: float = Field(3.0, gt=0.0, description="Seconds of the same; one input may take a third of it.")
    n_mutants: int = Field(12, ge=0, le=1000, description="Mutants of a right solution; 0 measures no adequacy.")
    min_share: Share = Field(0.51, gt=0.5, description="Share of the votes that makes a consensus on an input.")
    min_share_outside: Share = Field(
        0.7, gt=0.5, description="The same on inputs unlike the problem's own: there right ones may differ."
    )
    clear_share: Share = Field(0.9, gt=0.5, description="Share of the votes from which a minority is outvoted.")
    min_programs: int = Field(3, ge=2, description="Different passed programs that a consensus needs.")
    n_timed_runs: int = Field(
        0, ge=0, le=100, description="Timed runs a program for fast_over_slow; 0 times nothing."
    )
