"""A column generator for NeMo Data Designer: takes a data frame of answers and tests, adds verdicts.

Call `add_verdicts` in a custom column, or on the frame that Data Designer gives.
"""

from typing import Any

from pairsmith import Judge


def add_verdicts(frame: Any, answer: str = "answer", tests: str = "tests") -> Any:
    """Return a pandas frame with the columns `passed` and `cause`."""
    with Judge("bubblewrap") as judge:
        pairs = [({"tests": row[tests]}, row[answer]) for row in frame.to_dict("records")]
        verdicts = list(judge.many(pairs))
    return frame.assign(
        passed=[verdict.passed for verdict in verdicts], cause=[str(verdict.cause) for verdict in verdicts]
    )
