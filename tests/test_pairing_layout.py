"""The dataset as others load it: `datasets`, the card's figures, and the shapes of the other configurations."""

import dataclasses
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.pairing.drops import PairingError
from pairsmith.pipeline.pairing.export import CONFIGS, REPORT, summarise, write_dataset
from pairsmith.pipeline.pairing.pairs import PairingResult, make_pairs
from pairsmith.pipeline.pairing.tables import RECORDS, PairingTables
from pairsmith.schemas.arrow import arrow_schema
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.verdict import CandidateCrosscheck, Cause, CrosscheckResult, Label, ProblemCrosscheck
from tests.pairing_records import judged, problem, tables_of

FAILED = Label.FAILED


@pytest.fixture(scope="module")
def tables() -> PairingTables:
    problems = [problem(f"p/{index}", prompt=f"Task {index}: {index * 3} of {index} things") for index in range(8)]
    rows = []
    for one in problems:
        key = one.problem_id
        rows += [judged(f"{key}+{n}", problem_id=key, tags=("docstring",)) for n in range(3)]
        rows += [judged(f"{key}-{n}", FAILED, problem_id=key, n_passed=n) for n in range(3)]
        rows += [judged(f"{key}?", Label.UNDECIDED, problem_id=key, cause=Cause.SANDBOX_FAULT)]
    standings = [CandidateCrosscheck("p/0+0", "p/0", CrosscheckResult.DOUBTFUL, "consensus", 9, 5, "g", 0.2)]
    weak = [ProblemCrosscheck("p/0", 9, 8, "consensus", 3, 2, 0.7, True, ("[1]", "[2]"), 10, 7)]
    return tables_of(problems, rows, standings=standings, problem_standings=weak)


@pytest.fixture(scope="module")
def made(tables: PairingTables) -> PairingResult:
    return make_pairs(tables, PairsConfig(test_share=0.4, max_per_problem=3), 0)


@pytest.fixture(scope="module")
def folder(made: PairingResult, tables: PairingTables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(made, tmp_path_factory.mktemp("dataset") / "dataset", "f" * 32)


@pytest.fixture(scope="module")
def loaded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every configuration, all checks of the card's figures on."""
    datasets = pytest.importorskip("datasets")
    cache = str(tmp_path_factory.mktemp("cache"))
    return {
        name: datasets.load_dataset(str(folder), name, cache_dir=cache, verification_mode="all_checks")
        for name in CONFIGS
    }


def test_every_configuration_loads_with_the_columns_of_its_record(loaded: dict[str, Any]) -> None:
    for name, (_, record) in CONFIGS.items():
        assert set(loaded[name]) == {"train", "test"}
        for split in loaded[name].values():
            assert split.column_names == arrow_schema(record).names


def test_the_card_counts_rows_and_bytes_as_datasets_does(loaded: dict[str, Any], folder: Path) -> None:
    import json

    head = json.loads((folder / "README.md").read_text().split("---\n")[1])
    for info in head["dataset_info"]:
        splits = loaded[info["config_name"]]
        told = {split["name"]: split["num_examples"] for split in info["splits"]}
        assert told == {name: split.num_rows for name, split in splits.items()}
        name = CONFIGS[info["config_name"]][0]
        assert info["download_size"] == sum(path.stat().st_size for path in (folder / name).glob("*.parquet"))
    assert [entry["config_name"] for entry in head["configs"] if entry.get("default")] == ["pairs"]


def test_files_say_their_record_version_and_fingerprint_and_have_a_page_index(folder: Path) -> None:
    for path in folder.rglob("*.parquet"):
        metadata = pq.read_schema(path).metadata
        assert metadata[b"pairsmith:fingerprint"] == b"f" * 32
        assert metadata[b"pairsmith:schema_version"].isdigit()
        assert pq.read_metadata(path).row_group(0).column(0).has_offset_index


def test_unpaired_answers_are_usable_ones_with_their_label(loaded: dict[str, Any]) -> None:
    rows = [row for split in loaded["unpaired"].values() for row in split]
    labels = {row["candidate_id"]: row["label"] for row in rows}
    assert len(labels) == len(rows) == 8 * 6 - 1
    assert "p/0+0" not in labels, "doubtful: nobody knows its label"
    assert all(label is ("+" in key) for key, label in labels.items())
    assert {row["prompt"][0]["role"] for row in rows} == {"user"}
    assert {row["completion"][0]["role"] for row in rows} == {"assistant"}


def test_demonstrations_are_the_chosen_ones_once(loaded: dict[str, Any], made: PairingResult) -> None:
    ids = [row["candidate_id"] for split in loaded["sft"].values() for row in split]
    assert sorted(ids) == sorted(set(made.pairs["chosen_id"]))


def test_the_evidence_holds_every_candidate_and_why_it_makes_no_pair(
    loaded: dict[str, Any], made: PairingResult
) -> None:
    rows = {row["candidate_id"]: row for split in loaded["candidates"].values() for row in split}
    assert len(rows) == 8 * 7
    assert rows["p/0+0"]["reason"] == "doubtful"
    assert (rows["p/0+0"]["standing"], rows["p/0+0"]["n_derived"], rows["p/0+0"]["n_agreed"]) == ("doubtful", 9, 5)
    assert rows["p/3?"]["reason"] == "undecided"
    assert rows["p/3+0"]["tags"] == "docstring"
    assert rows["p/3-1"]["passed_cases"] == [True, False, False, False]
    assert sum(row["pairs_chosen"] for row in rows.values()) == made.pairs.height
    assert sum(row["pairs_rejected"] for row in rows.values()) == made.pairs.height


@pytest.mark.slow
@pytest.mark.parametrize("n_parts", [2, 8])
def test_parts_of_the_problems_give_the_same_dataset(
    made: PairingResult, tables: PairingTables, folder: Path, tmp_path: Path, n_parts: int
) -> None:
    """Held-out programs, guards of a split, ids and order are those of one part."""
    ids = [f"p/{index}" for index in range(8)]
    parts = [_only(tables, ids[start::n_parts]) for start in range(n_parts)]
    cut = make_pairs(tables, PairsConfig(test_share=0.4, max_per_problem=3), 0, parts, tmp_path)
    assert cut.pairs.equals(made.pairs)
    assert (cut.dropped, cut.approaches, cut.leaks) == (made.dropped, made.approaches, made.leaks)
    assert summarise(cut, tables) == summarise(made, tables)
    again = write_dataset(cut, tmp_path / "dataset", "f" * 32)
    for path in sorted(folder.rglob("*.parquet")):
        one, other = (pq.read_table(file) for file in (path, again / path.relative_to(folder)))
        keys = [(name, "ascending") for name in ("problem_id", "candidate_id") if name in one.column_names]
        assert other.sort_by(keys).equals(one.sort_by(keys)) if keys else other.equals(one), path


def test_an_id_in_two_parts_is_refused(tables: PairingTables) -> None:
    parts = [_only(tables, ["p/0"]), _only(tables, ["p/0", "p/1"])]
    twice = PairingTables(**{name: pl.concat([getattr(part, name) for part in parts]) for name in RECORDS})
    twice = dataclasses.replace(twice, problems=tables.problems)
    with pytest.raises(PairingError, match="two rows in candidates"):
        make_pairs(twice, PairsConfig(), 0, parts)


def _only(tables: PairingTables, ids: list[str]) -> PairingTables:
    rows = {name: getattr(tables, name).filter(pl.col("problem_id").is_in(ids)) for name in RECORDS}
    return PairingTables(**rows)


def test_equal_pairs_give_equal_bytes(
    made: PairingResult, tables: PairingTables, folder: Path, tmp_path: Path
) -> None:
    again = write_dataset(made, tmp_path / "dataset", "f" * 32)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    for name in names:
        assert (folder / name).read_bytes() == (again / name).read_bytes(), name


def test_the_counts_come_back_from_json(made: PairingResult, tables: PairingTables) -> None:
    report = summarise(made, tables)
    assert REPORT.validate_json(REPORT.dump_json(report)) == report
    assert report.n_train + report.n_test == made.pairs.height
    assert sum(row.n for row in report.policies) == sum(row.n for row in report.rejects) == made.pairs.height
    assert [row.problem_id for row in report.weak] == ["p/0"]
    assert (report.n_mutants, report.n_killed) == (10, 7)
    assert {row.reason: row.n for row in report.drops}["undecided"] == 8
    assert report.n_hard == made.pairs.filter(made.pairs["rejected_share"] >= 0.5).height > 0
