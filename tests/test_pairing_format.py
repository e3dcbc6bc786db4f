"""The pairs as others read them: `datasets` and TRL's trainers."""

import ast
import importlib.util
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pairsmith.schemas.arrow import arrow_schema, from_table, to_table
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.verdict import Cause, Label
from tests.pairing_records import judged, pair_up

FORMAT = {"prompt", "chosen", "rejected"}  # explicit preference format: meant to be found
OURS = {field.name for field in fields(Pair)} - FORMAT
# trl 1.16.0: data_utils.py (is_conversational, apply_chat_template, maybe_convert_to_chatml), and
# trainer/{dpo,kto,sft}_trainer.py (data collators, _set_signature_columns_if_needed, _is_vision_dataset).
RESERVED = {
    "messages", "completion", "label", "tools", "chat_template_kwargs", "conversations", "text",
    "image", "images", "image_position_ids", "mm_token_type_ids",
    "input_ids", "attention_mask", "token_type_ids", "position_ids", "labels", "seq_lengths",
    "completion_mask", "assistant_masks",
    "prompt_ids", "completion_ids", "chosen_ids", "rejected_ids",
    "KL_input_ids", "KL_prompt_ids", "KL_completion_ids", "KL_completion_mask", "KL_attention_mask",
    "ref_chosen_logps", "ref_rejected_logps", "ref_logps", "ref_KL_logps",
}  # fmt: skip
# Not read by these trainers, but by others of TRL or by its older releases.
RESERVED |= {"margin", "completions", "reward", "rewards", "score", "solution"}


def test_no_column_has_a_name_that_trl_gives_a_meaning_to() -> None:
    assert not OURS & RESERVED


def test_no_column_is_looked_up_in_the_source_of_the_installed_trl() -> None:
    folder = _trl_folder()
    names = ["data_utils.py", *(f"trainer/{kind}_trainer.py" for kind in ("dpo", "kto", "sft"))]
    found = {name for path in names for name in _looked_up(folder / path)}
    assert found >= FORMAT | {"tools", "label", "ref_chosen_logps"}, "the search finds what it must"
    assert not OURS & found


def test_datasets_loads_the_pairs_as_they_are(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [judged(str(index)) for index in range(3)]
    rows += [judged("4", Label.FAILED), judged("5", Label.FAILED, cause=Cause.NO_CODE, mean_logprob=None)]
    config = PairsConfig(max_trivial_share=1.0)
    pairs = pair_up(rows, config).pairs
    assert len(pairs) == 4
    path = tmp_path / "train-00000.parquet"
    pq.write_table(to_table(pairs, Pair), path)
    loaded = datasets.load_dataset(
        "parquet", data_files={"train": str(path)}, split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.column_names == arrow_schema(Pair).names
    assert loaded[0]["prompt"] == [{"role": "user", "content": "Write f."}]
    assert loaded[0]["chosen"] == [{"role": "assistant", "content": pairs[0].chosen[0].content}]
    assert loaded[0]["rejected"] == [{"role": "assistant", "content": pairs[0].rejected[0].content}]
    assert from_table(loaded.data.table, Pair) == list(pairs)


def _trl_folder() -> Path:
    spec = importlib.util.find_spec("trl")
    if spec is None or spec.origin is None:
        pytest.skip("trl is not installed: pip install '.[train]'")
    return Path(spec.origin).parent


def _looked_up(path: Path) -> set[str]:
    """Return the strings a source uses as keys: `x["key"]`, `"key" in x`, `x.get("key")`, `x.pop("key")`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        keys: list[ast.expr] = []
        if isinstance(node, ast.Subscript):
            keys = [node.slice]
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            keys = [node.left]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("get", "pop"):
            keys = node.args[:1]
        found |= {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    return found
