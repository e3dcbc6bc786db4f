"""A step of distilabel that adds verdicts to generations; rows hold `tests`."""

from collections.abc import Iterator
from typing import Any

from distilabel.steps import Step, StepInput

from pairsmith import Judge

judge = Judge("bubblewrap")


class JudgeGenerations(Step):
    """Adds `passed` and `cause` to each row."""

    @property
    def inputs(self) -> list[str]:
        """Columns that a row must have."""
        return ["generation", "tests"]

    @property
    def outputs(self) -> list[str]:
        """Columns that are added."""
        return ["passed", "cause"]

    def process(self, inputs: StepInput) -> Iterator[list[dict[str, Any]]]:
        """Judge one batch."""
        pairs = [({"tests": row["tests"]}, row["generation"]) for row in inputs]
        for row, verdict in zip(inputs, judge.many(pairs), strict=True):
            row["passed"], row["cause"] = verdict.passed, str(verdict.cause)
        yield inputs
