"""The dataset folder in the loaders of LLaMA-Factory and OpenRLHF, where these are installed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pairsmith.pipeline.pairing.export import write_dataset
from pairsmith.pipeline.pairing.pairs import make_pairs
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.verdict import Label
from tests.pairing_records import judged, problem, tables_of
from tests.training_kit import build_tiny_model

datasets = pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    problems = [
        problem(f"p/{index}", prompt=f"Task {index}: {index * 3} of {index} things") for index in range(12)
    ]
    rows = []
    for one in problems:
        key = one.problem_id
        rows += [judged(f"{key}+", problem_id=key), judged(f"{key}-", Label.FAILED, problem_id=key)]
    tables = tables_of(problems, rows)
    made = make_pairs(tables, PairsConfig(test_share=0.4), 0)
    return write_dataset(made, tmp_path_factory.mktemp("data") / "dataset", "f")


@pytest.fixture(scope="module")
def pairs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    rows = datasets.load_dataset(str(folder), "pairs", split="train", cache_dir=str(tmp_path_factory.mktemp("c")))
    return {row["pair_id"]: row for row in rows}


def test_each_conversation_is_its_pair(folder: Path, pairs: dict[str, Any], tmp_path: Path) -> None:
    info = json.loads((folder / "dataset_info.json").read_text())
    assert set(info) == {"pairsmith_train", "pairsmith_test"}
    told = info["pairsmith_train"]
    where = str(folder / told["script_url"])
    rows = datasets.load_dataset(where, told["subset"], split=told["split"], cache_dir=str(tmp_path))
    assert len(rows) == len(pairs) > 0
    for row in rows:
        pair = pairs[row["pair_id"]]
        assert row[told["columns"]["messages"]] == pair["prompt"]
        assert [row["chosen"]] == pair["chosen"]
        assert [row["rejected"]] == pair["rejected"]


@pytest.mark.filterwarnings("ignore")  # those of the library
def test_llama_factory_takes_the_folder(folder: Path, pairs: dict[str, Any], tmp_path: Path) -> None:
    parser = pytest.importorskip("llamafactory.data.parser", reason="LLaMA-Factory isn't installed")
    loader = pytest.importorskip("llamafactory.data.loader")
    (attributes,) = parser.get_dataset_list(["pairsmith_train"], str(folder))
    model = SimpleNamespace(cache_dir=str(tmp_path), hf_hub_token=None)
    data = SimpleNamespace(
        dataset_dir=str(folder), preprocessing_num_workers=None, streaming=False, max_samples=None,
        overwrite_cache=True,
    )  # fmt: skip
    rows = loader._load_single_dataset(attributes, model, data, SimpleNamespace(local_process_index=0))
    taken = [(row["_prompt"][0]["content"], *(one["content"] for one in row["_response"])) for row in rows]
    sides = ("prompt", "chosen", "rejected")
    assert sorted(taken) == sorted(tuple(pair[side][0]["content"] for side in sides) for pair in pairs.values())


@pytest.mark.filterwarnings("ignore")  # those of the library
def test_openrlhf_takes_the_pairs(pairs: dict[str, Any], tmp_path: Path) -> None:
    reward = pytest.importorskip("openrlhf.datasets.reward_dataset", reason="OpenRLHF isn't installed")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(build_tiny_model(tmp_path / "model"))
    keys = {"prompt_key": "prompt", "chosen_key": "chosen", "rejected_key": "rejected"}
    arguments = SimpleNamespace(data=SimpleNamespace(**keys, apply_chat_template=True))
    rows = datasets.Dataset.from_list(list(pairs.values()))
    taken = reward.RewardDataset(
        rows, tokenizer, 512, SimpleNamespace(args=arguments), is_dpo=True, num_processors=1
    )
    assert len(taken.prompts) == len(pairs)
    for prompt, chosen, rejected, pair in zip(
        taken.prompts, taken.chosens, taken.rejects, pairs.values(), strict=True
    ):
        assert pair["prompt"][0]["content"] in prompt
        assert pair["chosen"][0]["content"].strip() in chosen
        assert pair["rejected"][0]["content"].strip() in rejected
