"""Datasets in the forms that are published become rows of one form; what is left out is counted."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.mixture import FormError, protect, take_counts, to_preference, write_mixture
from pairsmith.schemas.config.training import MixedDatasetConfig, TrainingConfig
from tests.pairing_records import problem
from tests.training_kit import CONFIG, build_tiny_model, make_pair, write_pairs

SECRET = (
    "Return every second letter of the text in reverse order, but leave out all digits and all white space in it."
)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def says(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@pytest.mark.parametrize(
    ("row", "form"),
    [
        ({"prompt": "a?", "chosen": "b", "rejected": "c"}, "plain"),
        ({"prompt": [user("a?")], "chosen": [says("b")], "rejected": [says("c")]}, "conversational"),
        ({"prompt": "a?", "chosen": [says("b")], "rejected": [says("c")]}, "conversational"),
        ({"prompt": [user("a?")], "chosen": "b", "rejected": "c"}, "plain"),
        ({"chosen": [user("a?"), says("b")], "rejected": [user("a?"), says("c")]}, "implicit"),
        (
            {"prompt": "a?", "chosen": [user("a?"), says("b")], "rejected": [user("a?"), says("c")]},
            "conversation_repeated",
        ),
        ({"chosen": "\n\nHuman: a?\n\nAssistant: b", "rejected": "\n\nHuman: a?\n\nAssistant: c"}, "implicit"),
    ],
)
def test_each_published_form_becomes_messages(row: dict[str, Any], form: str) -> None:
    assert to_preference(row) == (form, [user("a?")], [says("b")], [says("c")])


def test_turns_in_one_text_begin_at_a_line() -> None:
    asked = "Human: Who wrote this?\n\nAssistant: I did.\n\nHuman: Which field has 'Human: x'?"
    row = {side: f"{asked}\n\nAssistant: {side}\nas in\n- Assistant: y" for side in ("chosen", "rejected")}
    form, prompt, chosen, rejected = to_preference(row)
    assert prompt == [user("Who wrote this?"), says("I did."), user("Which field has 'Human: x'?")]
    assert (form, chosen, rejected) == (
        "implicit", [says("chosen\nas in\n- Assistant: y")], [says("rejected\nas in\n- Assistant: y")]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"chosen": "b", "rejected": "c"}, "no_prompt"),
        ({"prompt": "", "chosen": "b", "rejected": "c"}, "no_prompt"),
        ({"prompt": "a?", "chosen": "b", "rejected": "b"}, "same_answers"),
        ({"prompt": "a?", "chosen": "b", "rejected": " "}, "empty_answer"),
        ({"prompt": "a?", "chosen": 3, "rejected": "b"}, "not_text"),
        ({"prompt": "a?", "chosen": None, "rejected": None}, "not_text"),
        ({"chosen": [user("a?"), says("b")], "rejected": [user("z?"), says("c")]}, "no_prompt"),
        (
            {"chosen": [user("a?"), says("b"), user("c?"), says("d")], "rejected": [user("a?"), says("e")]},
            "several_turns",
        ),
        (
            {"prompt": [{"role": "user", "content": None}], "chosen": [says("b")], "rejected": [says("c")]},
            "not_text",
        ),
        ({"chosen": "So. Human: a?\nAssistant: b", "rejected": "So. Human: a?\nAssistant: c"}, "no_prompt"),
        ({"chosen": "Human: a?", "rejected": "Human: a?\nAssistant: c"}, "several_turns"),
        ({"prompt": [says("a")], "chosen": [says("b")], "rejected": [says("c")]}, "no_prompt"),
    ],
)
def test_a_row_that_is_no_preference_has_a_reason(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(FormError, match=reason):
        to_preference(row)


@pytest.mark.parametrize(
    ("parts", "available", "expected"),
    [
        ([{}, {"share": 0.5}], [10, 40], [10, 10]),
        ([{}, {"share": 0.75}], [10, 20], [10, 30]),  # it has fewer: told as short
        ([{"rows": 4}, {"share": 0.5}], [10, 40], [4, 4]),
        ([{"share": 0.5}, {"share": 0.5}], [10, 40], [10, 10]),
        ([{"share": 0.2}, {"share": 0.6}], [10, 12], [4, 12]),
        ([{}, {}], [3, 4], [3, 4]),
    ],
)
def test_shares_hold_over_all_rows(parts: list[dict[str, Any]], available: list[int], expected: list[int]) -> None:
    configs = [MixedDatasetConfig(name=str(place), **part) for place, part in enumerate(parts)]
    assert take_counts(configs, available) == expected


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    (folder / "data").mkdir(parents=True)
    pairs = [make_pair(index) for index in range(12)]
    for split in ("train", "test"):
        part = [pair for pair in pairs if split_of(pair.problem_id, 0.25) == split]
        write_pairs(folder / "data" / f"{split}-00000.parquet", part)
    return folder


def test_published_sets_are_mixed_beside_own_pairs_and_all_that_is_left_out_is_counted(
    own: Path, tmp_path: Path
) -> None:
    plain = write_lines(
        tmp_path / "plain.jsonl",
        [
            *({"question": f"q{n}?", "good": "yes", "bad": "no"} for n in range(20)),
            {"question": "q0?", "good": "yes", "bad": "no"},
            {"question": f"Please: {SECRET}", "good": "yes", "bad": "no"},
            {"question": "code?", "good": "```python\ndef f(x):\n    z = x * 41\n    return z\n```", "bad": "no"},
        ],
    )  # fmt: skip
    turns = write_lines(
        tmp_path / "turns.jsonl",
        [
            {"chosen": [user(f"q{n}?"), says("yes")], "rejected": [user(f"q{n}?"), says("no")]}
            for n in range(18, 30)
        ],
    )  # fmt: skip
    names = {"prompt": "question", "chosen": "good", "rejected": "bad"}
    datasets = [
        (MixedDatasetConfig(), own),
        (MixedDatasetConfig(path=str(plain), columns=names), plain),
        (MixedDatasetConfig(path=str(turns), share=0.25, name="turns"), turns),
    ]
    held_out = problem("p/secret", prompt=SECRET, reference="def f(x):\n    y = x * 41\n    return y")
    reports = write_mixture(datasets, protect([held_out], ()), 0.25, tmp_path / "mixture", 0)
    rows = pq.read_table(tmp_path / "mixture" / "train-00000.parquet").to_pylist()
    n_own = sum(split_of(make_pair(index).problem_id, 0.25) == "train" for index in range(12))
    taken = {report.name: report.n_taken for report in reports}
    assert taken == {"own": n_own, "plain": 20, "turns": round((n_own + 20) / 3)}
    assert {name: sum(row["dataset"] == name for row in rows) for name in taken} == taken
    assert reports[1].dropped == {"same_pair": 1, "contaminated": 2}
    assert reports[2].dropped["same_prompt"] == 2
    assert [dict(report.forms) for report in reports[1:]] == [{"plain": 21}, {"implicit": 12}]
    held = pq.read_table(tmp_path / "mixture" / "test-00000.parquet").to_pylist()
    assert {row["dataset"] for row in held} == {"own"}
    assert len(held) == 12 - n_own
    before = (tmp_path / "mixture" / "train-00000.parquet").read_bytes()
    write_mixture(datasets, protect([held_out], ()), 0.25, tmp_path / "mixture", 0)
    assert (tmp_path / "mixture" / "train-00000.parquet").read_bytes() == before


def test_other_columns_are_named_with_the_remedy(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "other.jsonl", [{"instruction": "a?", "output_1": "b", "output_2": "c"}])
    with pytest.raises(
        TrainingError, match=r"no column 'chosen'; the columns are instruction, output_1, output_2: name"
    ):
        write_mixture([(MixedDatasetConfig(path=str(path)), path)], protect((), ()), 0.25, tmp_path / "m", 0)
    other = tmp_path / "other.csv"
    other.write_text("x")
    with pytest.raises(TrainingError, match="give a folder, or a file of"):
        write_mixture([(MixedDatasetConfig(path=str(other)), other)], protect((), ()), 0.25, tmp_path / "m", 0)


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        ([{"path": "a", "hub": "b/c"}], "not both"),
        ([{}, {}], "comes twice"),
        ([{"share": 0.7}, {"path": "a", "share": 0.7}], "sum to more than 1"),
        ([{"share": 0.5, "rows": 3}], "not both"),
    ],
)
def test_datasets_that_contradict_themselves_are_refused(datasets: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TrainingConfig.model_validate({"datasets": datasets})


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_the_log_tells_loss_and_accuracy_of_each_dataset(own: Path, tmp_path: Path, method: str) -> None:
    pytest.importorskip("trl")
    from pairsmith.pipeline.training.run import train

    rows = [{"prompt": f"{n}?", "chosen": "yes", "rejected": "no"} for n in range(9)]
    plain = write_lines(tmp_path / "a.jsonl", rows)
    mixture = tmp_path / "mixture"
    datasets = [(MixedDatasetConfig(), own), (MixedDatasetConfig(path=str(plain)), plain)]
    write_mixture(datasets, protect((), ()), 0.25, mixture, 0)
    config = CONFIG.model_copy(update={"method": method, "batch_size": 4, "max_steps": 3})
    model = build_tiny_model(tmp_path / "tiny")
    summary = train(mixture, model, config, tmp_path / "out", 0, lambda step: None)
    named = {one.name for step in summary.steps for one in step.datasets}
    assert named == ({"own", "a"} if method == "dpo" else set())
    for one in summary.steps[0].datasets:
        assert one.loss == pytest.approx(0.6931, abs=1e-3)
    assert train(mixture, model, config, tmp_path / "out", 0, lambda step: None) == summary


@pytest.mark.slow
def test_an_adapter_goes_on_with_its_base_as_the_reference(own: Path, tmp_path: Path) -> None:
    """The first step's rewards are what the adapter learnt before; against itself they are zero."""
    pytest.importorskip("trl")
    from pairsmith.pipeline.training.run import train

    model = build_tiny_model(tmp_path / "tiny")
    train(own, model, CONFIG, tmp_path / "first", 0, lambda step: None)
    adapter = tmp_path / "first" / "adapter"
    rewards = {}
    for reference in ("start", "base"):
        config = CONFIG.model_copy(update={"adapter": adapter, "reference": reference, "max_steps": 1})
        made = train(own, model, config, tmp_path / reference, 0, lambda step: None)
        rewards[reference] = made.steps[0].reward_margin
    assert rewards["start"] == pytest.approx(0.0, abs=1e-5)
    assert abs(rewards["base"] or 0.0) > 1e-2
    with pytest.raises(ValueError, match="reference = base needs an adapter"):
        TrainingConfig.model_validate({"reference": "base"})
