"""A filter of datatrove that keeps documents whose code passes its tests (`metadata["tests"]`)."""

from typing import Any

from datatrove.pipeline.filters.base_filter import BaseFilter

from pairsmith import Judge


class PassesTests(BaseFilter):
    """Drops what fails, with the cause as the reason."""

    name = "passes tests"

    def __init__(self) -> None:
        """Open the judge with the first document."""
        super().__init__()
        self.judge = Judge("bubblewrap")

    def filter(self, doc: Any) -> bool | tuple[bool, str]:
        """Return whether the document's code passes."""
        verdict = self.judge.one(completion=doc.text, tests=doc.metadata["tests"])
        return True if verdict.passed else (False, str(verdict.cause))
