"""A start by supervised fine-tuning: rows from problems with a known solution."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.pairing import split_of
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.opening import make_opening
from pairsmith.schemas.problem import Problem


class NoReferencesError(PairsmithError):
    """There is no right solution to train on."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and how many train problems have no reference."""

    n_rows: int
    n_without: int


def write_references(problems: Iterable[Problem], test_share: float, folder: Path) -> Written:
    """Write the references of the train problems as rows for SFT: prompt and completion, in the folder `sft`.

    What is asked is what the template `instruct` asks; the answer is the reference in one code block. Held-out
    problems are left out by the same hash that splits the pairs.

    Args:
        problems: all of them.
        test_share: share of the problems that are held out, in [0, 1].
        folder: dataset folder, as `pipeline.training` takes it.

    Raises:
        NoReferencesError: if no train problem has a reference.
    """
    train = [row for row in problems if split_of(row.problem_id, test_share) == "train"]
    known = sorted((row for row in train if row.reference), key=lambda row: row.problem_id)
    if not known:
        raise NoReferencesError("SFT on references needs train problems with a reference; there are none")
    rows = [
        {
            "problem_id": row.problem_id,
            "split": "train",
            "prompt": [{"role": "user", "content": make_opening(row, "instruct").text}],
            "completion": [{"role": "assistant", "content": f"```{row.language}\n{row.reference.strip()}\n```"}],
        }
        for row in known
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, compression="zstd")
    write_whole(folder / "sft" / "train-00000.parquet", sink.getvalue().to_pybytes())
    return Written(len(rows), len(train) - len(known))
