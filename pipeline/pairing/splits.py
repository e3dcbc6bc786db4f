"""Which split a problem belongs to, and the digests that break ties."""

import hashlib
from typing import Literal

Split = Literal["train", "test"]


def split_of(problem_id: str, test_share: float) -> Split:
    """Return the split of a problem, from its id alone: growth of the set never moves it.

    A larger `test_share` only moves problems from train to test.

    Args:
        problem_id: id of the problem.
        test_share: share of all problems that is held out, in [0, 1], reached in expectation.

    Raises:
        ValueError: if `test_share` is outside [0, 1].
    """
    if not 0.0 <= test_share <= 1.0:
        raise ValueError(f"test_share {test_share}: it is a share in [0, 1]")
    # 53 bits: as many as a float holds, so that the position stays below 1 and a share of 1 takes all.
    position = (int(digest("split", problem_id)[:16], 16) >> 11) / 2**53
    return "test" if position < test_share else "train"


def digest(*parts: str) -> str:
    """Return 32 hex digits over the parts, which are told apart even where they hold each other's text."""
    framed = b"".join(len(part.encode()).to_bytes(8) + part.encode() for part in parts)
    return hashlib.sha256(framed).hexdigest()[:32]
