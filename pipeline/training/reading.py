"""Rows to train on, from a dataset folder or plain files of pairs, and how many tokens each takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from pairsmith.pipeline.training.checks import TrainingError, check_row_files
from pairsmith.pipeline.training.methods import Rows

FOLDERS: dict[Rows, str] = {"pairs": "data", "unpaired": "unpaired", "sft": "sft"}
COLUMNS: dict[Rows, tuple[str, ...]] = {
    "pairs": ("prompt", "chosen", "rejected"),
    "unpaired": ("prompt", "completion", "label"),
    "sft": ("prompt", "completion"),
}
KEPT = ("weight", "n_compared", "policy", "chosen_model", "rejected_model")
"""Further columns of pairs: the weight of each, and what BoNBoN asks for."""


@dataclass(frozen=True, slots=True)
class RowFiles:
    """Parquet files of one kind of rows, sorted by name."""

    kind: Rows
    files: tuple[Path, ...]


def find_rows(folder: Path, wanted: Rows) -> RowFiles:
    """Return the files of a dataset folder, or of a folder of pairs.

    Where the dataset has no files of the wanted kind, or the folder is one of pairs, its pairs are taken: they
    hold right answers and answers with a label too (see `read_rows`).

    Args:
        folder: what `pairsmith build` wrote as `dataset` (see `pipeline.pairing.export`), or any folder with
            Parquet files of pairs.
        wanted: kind of rows.

    Raises:
        TrainingError: no such folder, no files in it.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder}: no such folder of pairs; run `pairsmith build` first")
    for kind, name in ((wanted, FOLDERS[wanted]), ("pairs", FOLDERS["pairs"]), ("pairs", ".")):
        files = tuple(sorted((folder / name).glob("*.parquet")))
        if files:
            return RowFiles(kind, files)
    raise TrainingError(f"{folder}: no pair files (*.parquet); run `pairsmith build` first")


def fetch(name: str, kind: Literal["model", "dataset"], revision: str | None, key: str) -> Path:
    """Return the folder of what the Hub has under a name; it is fetched once.

    Args:
        name: as `organisation/name`.
        kind: what it is.
        revision: commit, tag or branch; None takes the default branch.
        key: of the configuration, named in errors.

    Raises:
        TrainingError: it is not there, may not be read, or the Hub can't be reached and it was never fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, repo_type=kind, revision=revision))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        cause: BaseException = error  # the Hub's own words hide a missing network behind a missing file
        while isinstance(error, LocalEntryNotFoundError) and cause.__cause__ is not None:
            cause = cause.__cause__
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise TrainingError(
            f"{name}: no such folder, and this {kind} can't be fetched from the Hub ({reason[:200]}); check the "
            f"name and the network, or give a folder in {key}"
        ) from error


def read_rows(found: RowFiles, wanted: Rows, cache: Path) -> tuple[Any, Any]:
    """Return the rows of the train split and those of the test split, each a `datasets.Dataset`.

    Pairs become single answers where these are wanted: right ones once each, or all with their label, without
    those that one pair chooses and another rejects. Files without a `split` column are taken whole, but for those
    whose name begins with `test`.

    Args:
        found: files (see `find_rows`).
        wanted: kind of rows to return.
        cache: folder for the Arrow copy that `datasets` makes.

    Raises:
        TrainingError: a file can't be taken (see `check_row_files`).
    """
    check_row_files(found.files, COLUMNS[found.kind])
    import datasets

    filled = [str(file) for file in found.files if pq.read_metadata(file).num_rows]  # it can't read an empty file
    if not filled:
        empty = datasets.Dataset.from_dict({name: [] for name in COLUMNS[wanted]})
        return empty, empty
    rows = datasets.load_dataset("parquet", data_files={"train": filled}, split="train", cache_dir=str(cache))
    splits = rows["split"] if "split" in rows.column_names else _splits_by_name(found.files)
    keep = COLUMNS[found.kind] + tuple(name for name in KEPT if name in rows.column_names)
    rows = rows.select_columns(list(keep))
    train, held_out = (
        rows.select([row for row, name in enumerate(splits) if name == split]) for split in ("train", "test")
    )
    if found.kind == wanted:
        return train, held_out
    return _as_answers(train, wanted), _as_answers(held_out, wanted)


def leave_out_too_long(rows: Any, tokenizer: Any, max_length: int) -> tuple[Any, int, int]:
    """Return the rows of which every answer fits, how many do not, and of how many the prompt alone does not.

    TRL drops a row whose prompt fills `max_length` and cuts an answer that exceeds it, both in silence; a
    cut answer has no end, and often no `return`. So such a row is left out whole, and counted.

    Args:
        rows: `datasets.Dataset` with `prompt` and answers (chosen and rejected, or completion) as messages.
        tokenizer: tokenizer with a chat template.
        max_length: tokens of prompt and answer together, at most.

    Raises:
        TrainingError: the chat template refuses the messages.
    """
    answers = [name for name in ("chosen", "rejected", "completion") if name in rows.column_names]
    fits, n_prompts = [], 0
    for row, each in enumerate(rows.select_columns(["prompt", *answers])):
        if max(_n_tokens(tokenizer, each["prompt"] + each[name]) for name in answers) <= max_length:
            fits.append(row)
        elif _n_tokens(tokenizer, each["prompt"], opens=True) >= max_length:
            n_prompts += 1
    return rows.select(fits), len(rows) - len(fits), n_prompts


def _splits_by_name(files: Sequence[Path]) -> list[str]:
    return [
        "test" if file.name.startswith("test") else "train"
        for file in files
        for _ in range(pq.read_metadata(file).num_rows)
    ]


def _as_answers(pairs: Any, wanted: Rows) -> Any:
    import datasets

    labels: dict[tuple[str, str], set[bool]] = {}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for pair in pairs:
        for name, label in (("chosen", True), ("rejected", False)):
            key = (repr(pair["prompt"]), repr(pair[name]))
            labels.setdefault(key, set()).add(label)
            rows.setdefault(key, {"prompt": pair["prompt"], "completion": pair[name], "label": label})
    kept = [row for key, row in rows.items() if len(labels[key]) == 1]
    if wanted == "sft":
        kept = [{name: row[name] for name in COLUMNS["sft"]} for row in kept if row["label"]]
    return (
        datasets.Dataset.from_list(kept) if kept else datasets.Dataset.from_dict({n: [] for n in COLUMNS[wanted]})
    )


def _n_tokens(tokenizer: Any, messages: list[dict[str, str]], opens: bool = False) -> int:
    from jinja2 import TemplateError

    try:
        tokens = tokenizer.apply_chat_template(
            messages, tokenize=True, return_dict=True, add_generation_prompt=opens
        )
    except TemplateError as error:
        raise TrainingError(f"the model's chat template refuses a pair's messages: {error}") from None
    return len(tokens["input_ids"])
