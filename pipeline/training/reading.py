"""Pairs from Parquet, as they are, and how many tokens each takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.training.checks import TrainingError, check_pair_files


def read_pairs(files: Sequence[Path], cache: Path) -> Any:
    """Return the pairs of the train split as a `datasets.Dataset`, all columns kept, in the files' order.

    Rows of another split than `train` are held out for scoring and never trained on; files without a `split`
    column are taken whole.

    Args:
        files: Parquet files (see `schemas.pair.Pair`; prompt, chosen and rejected are what training needs).
        cache: folder for the Arrow copy that `datasets` makes.

    Raises:
        TrainingError: a file can't be taken (see `check_pair_files`).
    """
    check_pair_files(files)
    import datasets

    filled = [str(file) for file in files if pq.read_metadata(file).num_rows]  # it can't read an empty file
    if not filled:
        return datasets.Dataset.from_dict({"prompt": [], "chosen": [], "rejected": []})
    names = {"train": filled}
    pairs = datasets.load_dataset("parquet", data_files=names, split="train", cache_dir=str(cache))
    if "split" not in pairs.column_names:
        return pairs
    return pairs.select([row for row, split in enumerate(pairs["split"]) if split == "train"])


def leave_out_too_long(pairs: Any, tokenizer: Any, max_length: int) -> tuple[Any, int]:
    """Return the pairs of which both answers fit, and how many do not.

    TRL drops a pair whose prompt fills `max_length` and cuts an answer that exceeds it, both in silence; a
    cut answer has no end, and often no `return`. So such a pair is left out whole, and counted.

    Args:
        pairs: `datasets.Dataset` with prompt, chosen and rejected as messages.
        tokenizer: tokenizer with a chat template.
        max_length: tokens of prompt and answer together, at most.

    Raises:
        TrainingError: the chat template refuses the messages.
    """
    fits = [
        row
        for row, pair in enumerate(pairs.select_columns(["prompt", "chosen", "rejected"]))
        if max(_n_tokens(tokenizer, pair, answer) for answer in ("chosen", "rejected")) <= max_length
    ]
    return pairs.select(fits), len(pairs) - len(fits)


def _n_tokens(tokenizer: Any, pair: dict[str, Any], answer: str) -> int:
    from jinja2 import TemplateError

    try:
        tokens = tokenizer.apply_chat_template(pair["prompt"] + pair[answer], tokenize=True, return_dict=True)
    except TemplateError as error:
        raise TrainingError(f"the model's chat template refuses a pair's messages: {error}") from None
    return len(tokens["input_ids"])
