from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.reading import COLUMNS, KEPT, SPANS, RowFiles, leave_out_too_long, read_rows
from tests.training_kit import build_tiny_model, lengthen, make_pair, write_columns, write_pairs

pytest.importorskip("trl", reason="training needs pairsmith[train]")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(build_tiny_model(tmp_path_factory.mktemp("tiny")))


def read_pairs(files: list[Path], cache: Path) -> Any:
    return read_rows(RowFiles("pairs", tuple(files)), "pairs", cache)


def test_pairs_are_read_as_they_are(tmp_path: Path) -> None:
    files = [write_pairs(tmp_path / f"{name}.parquet", [make_pair(name)]) for name in (2, 0, 1)]
    pairs = read_pairs(files, tmp_path / "cache")
    assert pairs.column_names == [*COLUMNS["pairs"], *KEPT, *SPANS]
    assert pairs[0]["prompt"] == [{"role": "user", "content": "Write add2, the sum of two numbers."}]
    assert [row[0]["content"].split()[1] for row in pairs["prompt"]] == ["add2,", "add0,", "add1,"]


def test_the_test_split_is_never_trained_on(tmp_path: Path) -> None:
    rows = [make_pair(index, "test" if index % 3 == 0 else "train") for index in range(6)]
    found = RowFiles("pairs", (write_pairs(tmp_path / "pairs.parquet", rows),))
    asked = [row.prompt[0].content for row in rows if row.split == "train"]
    kept = read_rows(found, "pairs", tmp_path / "cache")
    assert [prompt[0]["content"] for prompt in kept["prompt"]] == asked


def test_files_of_others_without_a_split_are_taken_whole(tmp_path: Path) -> None:
    message = pa.array([[{"role": "user", "content": "a"}]] * 3)
    file = write_columns(tmp_path / "own.parquet", {"prompt": message, "chosen": message, "rejected": message})
    assert len(read_pairs([file], tmp_path / "cache")) == 3


def test_an_empty_file_among_others_is_no_hindrance(tmp_path: Path) -> None:
    empty = write_pairs(tmp_path / "empty.parquet", [])
    assert len(read_pairs([empty], tmp_path / "cache")) == 0
    assert len(read_pairs([empty, write_pairs(tmp_path / "one.parquet", [make_pair(0)])], tmp_path / "c")) == 1


def test_files_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    message = pa.array([[{"role": "user", "content": "a"}]])
    odd = write_columns(tmp_path / "odd.parquet", {"prompt": message, "chosen": message, "rejected": message})
    with pytest.raises(TrainingError, match=r"odd\.parquet: its columns differ from those of pairs\.parquet"):
        read_pairs([write_pairs(tmp_path / "pairs.parquet", [make_pair(0)]), odd], tmp_path / "cache")


def test_pairs_over_the_length_are_left_out_and_counted(tmp_path: Path, tokenizer: Any) -> None:
    rows = [make_pair(0), lengthen(make_pair(1), 40), make_pair(2)]
    pairs = read_pairs([write_pairs(tmp_path / "pairs.parquet", rows)], tmp_path / "cache")
    longest = [
        max(
            len(
                tokenizer.apply_chat_template(pair["prompt"] + pair[answer], tokenize=True, return_dict=True)[
                    "input_ids"
                ]
            )
            for answer in ("chosen", "rejected")
        )
        for pair in pairs
    ]
    assert longest[1] > longest[0] + 40  # each added word is a token at least
    for max_length, kept in [
        (longest[1], [0, 1, 2]),
        (longest[1] - 1, [0, 2]),
        (longest[0], [0, 2]),
        (min(longest) - 1, []),
    ]:
        fitting, n_too_long = leave_out_too_long(pairs, tokenizer, max_length)
        assert fitting["prompt"][:] == [pairs[index]["prompt"] for index in kept]
        assert n_too_long == 3 - len(kept)


def test_messages_that_the_chat_template_refuses_are_told(tmp_path: Path, tokenizer: Any) -> None:
    pairs = read_pairs([write_pairs(tmp_path / "pairs.parquet", [make_pair(0)])], tmp_path / "cache")
    template = tokenizer.chat_template
    tokenizer.chat_template = "{{ raise_exception('only system messages') }}"
    try:
        with pytest.raises(TrainingError, match=r"chat template refuses .* only system messages"):
            leave_out_too_long(pairs, tokenizer, 96)
    finally:
        tokenizer.chat_template = template
