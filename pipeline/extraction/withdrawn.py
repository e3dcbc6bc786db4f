"""Reads what a model says of its own blocks: which it calls wrong, and which it calls the correction.

Only two places count: the sentence that leads to a block, and the one that follows it at once. A qualified
sentence ("wrong for edge cases") or a name ("the final version", "a naive version") withdraws nothing: then the
labels of the blocks decide (`ExtractionConfig.blocks`).
"""

import re
from collections.abc import Sequence

from pairsmith.pipeline.extraction.fences import Block

_WRONG = re.compile(
    r"\b(?:does(?:n['\u2019]t| not) (?:quite )?work|won['\u2019]t work|not (?:quite )?(?:right|correct)|wrong|"
    r"incorrect|"
    r"buggy|broken|faulty|flawed|mistaken)\b",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"\b(?:corrected|correct|correction|fixed|fix|repaired|right (?:version|way|one|answer|solution)|should be)\b|"
    r"^\W*right\W*$",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"\b(?:not|n['\u2019]t|isn|without|never|instead of)\b", re.IGNORECASE)
_WRONG_BEHIND = re.compile(
    r"\W*(?:but |no, |hmm,? |wait,? )*(?:that|this|it|the above)(?:['\u2019]s| is| was)? "
    r"(?:(?:is |was )?(?:wrong|incorrect|buggy|broken|not (?:right|correct))|does(?:n['\u2019]t| not) work)"
    r"\s*[.,;!\u2014-]",
    re.IGNORECASE,
)


def is_withdrawn(text: str, blocks: Sequence[Block], block: Block) -> bool:
    """Return whether the model takes a block back: by words at the block, or by a later block that corrects it.

    Args:
        text: the answer.
        blocks: all blocks that answer, in order.
        block: one of them.
    """
    leading = _sentence_before(text, blocks, block)
    if _WRONG.search(leading) and not _CORRECTED.search(_WRONG.sub("", leading)):
        return True
    if _WRONG_BEHIND.match(text[block.closing : block.closing + 200]):
        return True
    later = [other for other in blocks if other.start > block.start and other.code != block.code]
    return any(_is_correction(_sentence_before(text, blocks, other)) for other in later)


def _is_correction(sentence: str) -> bool:
    plain = _WRONG.sub("", sentence)
    return bool(_CORRECTED.search(plain)) and not _NEGATED.search(plain)


def _sentence_before(text: str, blocks: Sequence[Block], block: Block) -> str:
    """Return the last sentence between a block and the one before it."""
    begin = max((other.closing for other in blocks if other.closing <= block.opening), default=0)
    lines = [line.strip() for line in text[begin : block.opening].split("\n") if line.strip()]
    last = lines[-1] if lines else ""
    return re.split(r"(?<=[.!?])\s+", last)[-1]
