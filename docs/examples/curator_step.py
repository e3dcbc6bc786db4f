"""Verdicts for a dataset that Curator made: `Dataset.map` with the judge, a batch at a time."""

from typing import Any

from pairsmith import Judge


def judged(dataset: Any, answer: str = "response", tests: str = "tests") -> Any:
    """Return a `datasets.Dataset` with the columns `passed` and `cause`."""
    with Judge("bubblewrap") as judge:

        def add(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
            pairs = [({"tests": own}, text) for own, text in zip(batch[tests], batch[answer], strict=True)]
            verdicts = list(judge.many(pairs))
            return {
                "passed": [verdict.passed for verdict in verdicts],
                "cause": [str(verdict.cause) for verdict in verdicts],
            }

        return dataset.map(add, batched=True, batch_size=256, new_fingerprint="judged")
