"""Candidates of earlier rounds: the last ones, and right programs whose approach is gone."""

from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.pairing.beside import earlier_digests, with_earlier
from pairsmith.pipeline.pairing.pairs import make_pairs
from pairsmith.pipeline.run.folder import Shard
from pairsmith.schemas.config import PairsConfig
from pairsmith.schemas.verdict import Label
from tests.pairing_records import Judged, judged, problem, tables_of


def write_run(run: Path, rows: list[Judged]) -> Path:
    stages: dict[str, list[Any]] = {
        "candidates": [row.candidate for row in rows],
        "programs": [row.program for row in rows],
        "verdicts": [row.verdict for row in rows],
        "syntax": [row.syntax for row in rows],
    }
    for stage, records in stages.items():
        stage_folder(run, stage).write_shard("part-00000.parquet", "k", Shard(records, len(records)))
    return run


def ids_of(tables: Any) -> set[str]:
    return set(tables.candidates.select("candidate_id").collect()["candidate_id"])


@pytest.fixture
def earlier(tmp_path: Path) -> tuple[Path, ...]:
    first = [
        judged("rare", code="RARE", cluster="rare"),
        judged("rare2", code="RARE2", cluster="rare"),
        judged("common", code="COMMON", cluster="common"),
        judged("wrong", Label.FAILED),
        judged("other", problem_id="p/gone"),
    ]
    second = [judged("late", Label.FAILED), judged("late2", code="LATE")]
    return write_run(tmp_path / "one", first), write_run(tmp_path / "two", second)


def test_a_right_approach_that_this_round_lacks_stays_as_chosen(earlier: tuple[Path, ...]) -> None:
    rows = [judged("now", code="COMMON"), judged("bad", Label.FAILED)]
    tables = tables_of([problem()], rows)
    config = PairsConfig(earlier=earlier, keep_approaches=True, max_length_auc=1.0, max_style_auc=1.0)
    more = with_earlier(tables, config)
    assert ids_of(more) == {"now", "bad", "rare", "late2"}
    chosen = set(make_pairs(more, config, 0).pairs["chosen_id"])
    assert chosen <= {"now", "rare", "late2"}
    assert "rare" in chosen or "late2" in chosen


def test_the_last_candidates_of_earlier_rounds_fill_up_what_was_not_drawn(earlier: tuple[Path, ...]) -> None:
    tables = tables_of([problem()], [judged("now")])
    assert ids_of(with_earlier(tables, PairsConfig(earlier=earlier, earlier_n=2))) == {"now", "late", "late2"}
    assert len(ids_of(with_earlier(tables, PairsConfig(earlier=earlier, earlier_n=50)))) == 7
    assert ids_of(with_earlier(tables, PairsConfig())) == {"now"}


def test_a_candidate_that_is_drawn_again_is_there_once(earlier: tuple[Path, ...]) -> None:
    tables = tables_of([problem()], [judged("late", Label.FAILED)])
    assert ids_of(with_earlier(tables, PairsConfig(earlier=earlier, earlier_n=1))) == {"late", "late2"}


def test_what_earlier_rounds_hold_is_part_of_the_key(earlier: tuple[Path, ...]) -> None:
    config = PairsConfig(earlier=earlier)
    before = earlier_digests(config)
    write_run(earlier[1], [judged("changed")])
    after = earlier_digests(config)
    assert before[0] == after[0]
    assert before[1] != after[1]
