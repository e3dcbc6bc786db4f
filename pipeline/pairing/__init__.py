"""Turn judged candidates into preference pairs.

`make_pairs` is the stage, over lazy frames (`frames`). Candidates are joined into entries with a reason where one
may be part of no pair (`entries`); policies offer pairs (`policies`); some are taken in turns under the caps
(`selecting`, `taking`); then guards hold over each whole split (`balancing`, `leakage`). Every drop has a reason.
"""

from pairsmith.pipeline.pairing.drops import Drop, NarrowedError, PairingError
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.pairing.stage import PairingResult, make_pairs
from pairsmith.pipeline.pairing.tables import PairingTables, as_judged, scan_tables, tables_of_records

__all__ = [
    "Drop",
    "NarrowedError",
    "PairingError",
    "PairingResult",
    "PairingTables",
    "as_judged",
    "make_pairs",
    "scan_tables",
    "split_of",
    "tables_of_records",
]
