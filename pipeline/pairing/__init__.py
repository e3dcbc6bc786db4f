"""Turn judged candidates into preference pairs.

`make_pairs` is the stage. A problem's candidates are joined into entries, guards drop entries and pairs with
a reason, a policy takes pairs under its caps, and a last guard caps the trivial rejects of the whole set.
"""

from pipeline.pairing.pairs import PairingResult, make_pairs
from pipeline.pairing.reasons import Drop, PairingError
from pipeline.pairing.splits import split_of

__all__ = ["Drop", "PairingError", "PairingResult", "make_pairs", "split_of"]
