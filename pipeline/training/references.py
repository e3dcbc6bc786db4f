"""Log-probabilities of the reference, kept by content: of a model, of the tokens of a prompt and its answer.

One Parquet file a model, in a folder that outlives runs: a dataset that has grown, or another method on the same
pairs, computes only what is not there yet.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.run.folder import write_whole

_VERSION = 1  # raise it when the numbers would differ
COLUMNS = {
    "ref_chosen_logps": "chosen_ids",
    "ref_rejected_logps": "rejected_ids",
    "ref_logps": "completion_ids",
    "ref_KL_logps": "KL_completion_ids",
}
"""TRL's column of log-probabilities to its column of the answer's tokens."""


class References:
    """What is known of one reference.

    Args:
        folder: of all references.
        parts: what decides the numbers: digests of weights and tokenizer, number type, quantisation.
    """

    def __init__(self, folder: Path, parts: Sequence[str]) -> None:
        """Read what is there."""
        key = hashlib.sha256(repr((_VERSION, *parts)).encode()).hexdigest()[:16]
        self.path = folder / f"{key}.parquet"
        self._known: dict[str, float] = {}
        if self.path.is_file():
            table = pq.read_table(self.path)
            self._known = dict(zip(table["key"].to_pylist(), table["logprob"].to_pylist(), strict=True))

    def missing(self, keys: Mapping[str, Sequence[str]]) -> list[int]:
        """Return the rows of which some answer is not known.

        Args:
            keys: column of log-probabilities to the key of each row (see `row_keys`).
        """
        columns = list(keys.values())
        return [row for row in range(len(columns[0])) if any(column[row] not in self._known for column in columns)]

    def columns(self, keys: Mapping[str, Sequence[str]]) -> dict[str, list[float]]:
        """Return the log-probabilities of all rows; all must be known."""
        return {name: [self._known[key] for key in column] for name, column in keys.items()}

    def add(self, keys: Iterable[str], values: Iterable[float]) -> None:
        """Take in what was computed."""
        self._known.update(zip(keys, values, strict=True))

    def write(self) -> None:
        """Write all that is known, by a temporary name."""
        table = pa.table({"key": list(self._known), "logprob": pa.array(self._known.values(), pa.float32())})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, sink.getvalue().to_pybytes())


def row_keys(rows: Any) -> dict[str, list[str]]:
    """Return the key of each row's answers: a digest of the tokens of prompt and answer.

    Args:
        rows: tokenised `datasets.Dataset` of TRL, with `prompt_ids`.
    """
    return {
        name: [_key(row["prompt_ids"], row[answer]) for row in rows.select_columns(["prompt_ids", answer])]
        for name, answer in COLUMNS.items()
        if answer in rows.column_names
    }


def _key(prompt: Sequence[int], answer: Sequence[int]) -> str:
    return hashlib.sha256(repr((list(prompt), list(answer))).encode()).hexdigest()[:32]
