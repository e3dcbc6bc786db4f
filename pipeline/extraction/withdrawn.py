"""Reads what a model says of its own blocks: which one it takes back.

Only whole sentences of a few fixed forms count: the one that leads to a block ("This does not work:", "The
corrected version:") and the one that follows it at once ("Wait, that is wrong."). Anything else with such words in
it ("There is nothing wrong with", "wrong for edge cases", "the final version") takes nothing back: then the
labels of the blocks decide (`ExtractionConfig.blocks`).
"""

import re
from collections.abc import Sequence

from pairsmith.pipeline.extraction.fences import Block

_CODE = r"(?:version|code|program|function|solution|answer|attempt|approach|implementation|alternative|one|way)"
_WRONG = r"(?:wrong|incorrect|buggy|broken|faulty|flawed)"
_FAILS = r"(?:does(?:n['\u2019]t| not)|won['\u2019]t|will not) work"
# The sentence that leads to a block which is not meant as the answer.
_LEADS_TO_WRONG = re.compile(
    rf"\W*(?:(?:this|that|it|the following)|an? (?:\w+ )?{_CODE})(?: (?:that|which))? "
    rf"(?:{_FAILS}|(?:is|would be) {_WRONG})\W*|\W*(?:an? |the |my )?{_WRONG} {_CODE}\W*|\W*{_WRONG}:\W*",
    re.IGNORECASE,
)
# The sentence that leads to a block which is in the place of all before it.
_LEADS_TO_CORRECTION = re.compile(
    rf"[^?]*\b(?:(?:corrected|repaired|fixed) {_CODE}(?: (?:of|with) [\w'\u2019 ]+)?|it should be|corrected|"
    r"correction|fixed)[\s*_]*:?[\s*_]*",
    re.IGNORECASE,
)
_UNSURE = re.compile(r"\b(?:not|n['\u2019]t|never|if|could|would|might|may|no)\b", re.IGNORECASE)
_FOLLOWS_WRONG = re.compile(
    r"\W*(?:but |no, |hmm,? |wait,? |oops,? |actually,? )*(?:that|this|it|the above)(?:['\u2019]s| is| was)? "
    rf"(?:(?:is |was )?(?:{_WRONG}|not (?:right|correct))|{_FAILS})\s*(?:[.,;!\u2014-]|:[ \t]+\w)",
    re.IGNORECASE,
)


def is_withdrawn(text: str, blocks: Sequence[Block], block: Block) -> bool:
    """Return whether the model takes a block back: by words at the block, or by a later block that corrects it.

    Args:
        text: the answer.
        blocks: all blocks that answer, in order.
        block: one of them.
    """
    if _LEADS_TO_WRONG.fullmatch(_sentence_before(text, blocks, block)):
        return True
    later = [other for other in blocks if other.start > block.start and other.code != block.code]
    if later and _FOLLOWS_WRONG.match(text[block.closing : block.closing + 200]):
        return True
    leading = (_sentence_before(text, blocks, other) for other in later)
    return any(_LEADS_TO_CORRECTION.fullmatch(words) and not _UNSURE.search(words) for words in leading)


def _sentence_before(text: str, blocks: Sequence[Block], block: Block) -> str:
    """Return the last sentence between a block and the one before it."""
    begin = max((other.closing for other in blocks if other.closing <= block.opening), default=0)
    lines = [line.strip() for line in text[begin : block.opening].split("\n") if line.strip()]
    last = lines[-1] if lines else ""
    return re.split(r"(?<=[.!?])\s+", last)[-1]
