"""Rows to train on, from a dataset folder or plain files of pairs, and how many tokens each takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.run.errors import first_line
from pairsmith.pipeline.run.folder import as_parquet, write_whole
from pairsmith.pipeline.sampling.opening import make_opening
from pairsmith.pipeline.training.checks import TrainingError, check_row_files
from pairsmith.pipeline.training.methods import Rows
from pairsmith.schemas.problem import Problem

FOLDERS: dict[Rows, str] = {"pairs": "data", "unpaired": "unpaired", "sft": "sft"}
COLUMNS: dict[Rows, tuple[str, ...]] = {
    "pairs": ("prompt", "chosen", "rejected"),
    "unpaired": ("prompt", "completion", "label"),
    "sft": ("prompt", "completion"),
}
KEPT = ("weight", "n_compared", "policy", "chosen_model", "rejected_model")
"""Further columns of pairs: the weight of each, and what BoNBoN asks for."""
SPANS = ("chosen_spans", "rejected_spans")
"""Columns of what differs between the answers of a pair, in characters, for the method focal."""
FOCUS = ("chosen_focus", "rejected_focus")
"""Columns of the numbers of those tokens of an answer that count alone."""
_ROWS_AT_ONCE = 256


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
        raise TrainingError(
            f"{name}: no such folder, and this {kind} can't be fetched from the Hub ({first_line(cause)}); check "
            f"the name and the network, or give a folder in {key}"
        ) from error


def read_rows(found: RowFiles, wanted: Rows, cache: Path) -> Any:
    """Return the rows of the train split, a `datasets.Dataset`.

    Pairs become single answers where these are wanted: right ones once each, or all with their label, without
    those that one pair chooses and another rejects. Files without a `split` column are taken whole, but for those
    whose name begins with `test`.

    Args:
        cache: folder for the Arrow copy that `datasets` makes.
    """
    check_row_files(found.files, COLUMNS[found.kind])
    import datasets

    filled = [str(file) for file in found.files if pq.read_metadata(file).num_rows]  # it can't read an empty file
    if not filled:
        return datasets.Dataset.from_dict({name: [] for name in COLUMNS[wanted]})
    rows = datasets.load_dataset("parquet", data_files={"train": filled}, split="train", cache_dir=str(cache))
    splits = rows["split"] if "split" in rows.column_names else _splits_by_name(found.files)
    keep = COLUMNS[found.kind] + tuple(name for name in (*KEPT, *SPANS, "dataset") if name in rows.column_names)
    rows = rows.select_columns(list(keep))
    train = rows.select([row for row, name in enumerate(splits) if name == "train"])
    return train if found.kind == wanted else _as_answers(train, wanted)


def leave_out_too_long(rows: Any, tokenizer: Any, max_length: int) -> tuple[Any, int]:
    """Return the rows of which every answer fits, and how many do not.

    TRL drops a row whose prompt fills `max_length` and cuts an answer that exceeds it, both in silence; a
    cut answer has no end, and often no `return`. So such a row is left out whole, and counted.

    Args:
        rows: `datasets.Dataset` with `prompt` and answers (chosen and rejected, or completion) as messages.
        max_length: tokens of prompt and answer together, at most.
    """
    answers = [name for name in ("chosen", "rejected", "completion") if name in rows.column_names]
    fits = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        longest = [0] * len(part["prompt"])
        for name in answers:
            both = [prompt + answer for prompt, answer in zip(part["prompt"], part[name], strict=True)]
            longest = [max(pair) for pair in zip(longest, _n_tokens(tokenizer, both), strict=True)]
        fits += [start + place for place, n_tokens in enumerate(longest) if n_tokens <= max_length]
    return rows.select(fits), len(rows) - len(fits)


def count_tokens(rows: Any, tokenizer: Any) -> int:
    """Return the tokens of all rows for SFT, prompts and completions."""
    parts = (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))
    both = ([p + c for p, c in zip(part["prompt"], part["completion"], strict=True)] for part in parts)
    return sum(sum(_n_tokens(tokenizer, part)) for part in both)


def with_focus(rows: Any, tokenizer: Any) -> Any:
    """Return rows with the columns `FOCUS`, from the spans of characters that differ.

    Args:
        rows: `datasets.Dataset` with prompt, chosen and rejected as messages, and `SPANS`.
        tokenizer: fast tokenizer with a chat template.

    Raises:
        TrainingError: a row without spans; a tokenizer that does not tell which characters a token stands for.
    """
    if not len(rows):
        return rows
    if not all(name in rows.column_names for name in SPANS):
        raise TrainingError(_NO_SPANS.format("the rows have no column of spans"))
    found: dict[str, list[list[int]]] = {name: [] for name in FOCUS}
    for number, row in enumerate(rows):
        if not any(row[name] for name in SPANS):
            raise TrainingError(_NO_SPANS.format(f"row {number} has none"))
        for side, name in zip(("chosen", "rejected"), FOCUS, strict=True):
            spans = [(span["start"], span["end"]) for span in row[f"{side}_spans"] or ()]
            found[name].append(focus_tokens(row["prompt"], row[side], spans, tokenizer))
    for name, column in found.items():
        rows = rows.add_column(name, column)
    return rows.remove_columns(list(SPANS))


_NO_SPANS = (
    "focal trains on the tokens that differ, and {}; build pairs with the policy repaired or nearest_wrong alone, "
    "or take the method dpo"
)


def focus_tokens(prompt: Any, answer: Any, spans: Sequence[tuple[int, int]], tokenizer: Any) -> list[int]:
    """Return the numbers, from 0, of those tokens of an answer that share a character with a span.

    Raises:
        TrainingError: the chat template changes the answer's text, or the tokenizer has no offsets.
    """
    text = tokenizer.apply_chat_template(prompt + answer, tokenize=False)
    asked = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    begin = text.rfind(answer[0]["content"])
    if begin < len(asked) - 1 or not getattr(tokenizer, "is_fast", False):
        raise TrainingError(
            "focal: the chat template changes the text of answers, or the tokenizer has no offsets"
        )
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    n_asked = len(tokenizer(asked, add_special_tokens=False)["input_ids"])
    return [
        number - n_asked
        for number, (start, end) in enumerate(offsets)
        if number >= n_asked and any(start < begin + stop and end > begin + first for first, stop in spans)
    ]


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


def _n_tokens(tokenizer: Any, conversations: list[list[dict[str, str]]]) -> list[int]:
    from jinja2 import TemplateError

    try:
        tokens = tokenizer.apply_chat_template(conversations, tokenize=True, return_dict=True)
    except TemplateError as error:
        raise TrainingError(f"the model's chat template refuses a pair's messages: {error}") from None
    return [len(ids) for ids in tokens["input_ids"]]


def write_references(problems: Iterable[Problem], test_share: float, folder: Path) -> tuple[int, int]:
    """Write the references of the train problems as rows for SFT; return how many, and how many problems lack one.

    What is asked is what the template `instruct` asks; the answer is the reference in one code block. Held-out
    problems are left out by the same hash that splits the pairs. The rows are in the folder `sft`.
    """
    train = [row for row in problems if split_of(row.problem_id, test_share) == "train"]
    known = sorted((row for row in train if row.reference), key=lambda row: row.problem_id)
    if not known:
        raise TrainingError("SFT on references needs train problems with a reference; there are none")
    rows = [
        {
            "problem_id": row.problem_id,
            "split": "train",
            "prompt": [{"role": "user", "content": make_opening(row, "instruct").text}],
            "completion": [{"role": "assistant", "content": f"```{row.language}\n{row.reference.strip()}\n```"}],
        }
        for row in known
    ]
    write_whole(folder / "sft" / "train-00000.parquet", as_parquet(pa.Table.from_pylist(rows)))
    return len(rows), len(train) - len(known)
