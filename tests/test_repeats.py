from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import Shard
from pairsmith.pipeline.syntax.corpus import NAME, find_repeats
from pairsmith.schemas.arrow import from_table
from pairsmith.schemas.candidate import Extraction, Program, Repeat
from pairsmith.schemas.config.pairs import PairsConfig
from pairsmith.schemas.verdict import Label
from tests.cli_kit import assert_one_line, call_pairsmith
from tests.pairing_records import judged, pair_up, problem

LONG = "def f(a):\n" + "".join(f"    g{number}(a, {number})\n" for number in range(40)) + "    return a\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four problems in two shards: the first three share a program nearly, the last one has its own."""
    problems = [problem(f"p/{index}") for index in range(4)]
    codes = [LONG, LONG.replace("g7(a, 7)", "g7(a, 8)"), LONG.replace("    return a", "    # same\n    return a")]
    codes.append("def f(a):\n    return [b for b in a if b]\n")
    programs = [
        Program(f"{index:032x}", f"p/{index}", Extraction.OK, "bare", code) for index, code in enumerate(codes)
    ]
    programs.append(Program("f" * 32, "p/3", Extraction.SYNTAX_ERROR, "bare", "def f(a:\n"))
    rows = [
        judged(f"{one.problem_id}{side}", label, problem_id=one.problem_id)
        for one in problems
        for side, label in (("+", Label.PASSED), ("-", Label.FAILED))
    ]
    made = pair_up(rows, PairsConfig(test_share=0.0, near_problems=None), problems).pairs
    pairs = [replace(pair, split="test" if pair.problem_id == "p/2" else "train") for pair in made]
    for name, part in (("part-00000.parquet", slice(0, 2)), ("part-00001.parquet", slice(2, None))):
        stage_folder(tmp_path, "problems").write_shard(name, "k", Shard(problems[part], 2))
        stage_folder(tmp_path, "programs").write_shard(name, "k", Shard(programs[part], 2))
    stage_folder(tmp_path, "pairs").write_shard("train-00000.parquet", "k", Shard(pairs, len(pairs)))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_near_programs_of_several_problems_are_one_cluster(run: Path, workers: int) -> None:
    found = find_repeats(run, 0.85, workers)
    assert (found.n_programs, found.n_clusters) == (4, 2)
    assert [(row.problem_id, row.split) for row in found.rows] == [
        ("p/0", "train"),
        ("p/1", "train"),
        ("p/2", "test"),
    ]
    assert found.crossing() == [found.rows[0].cluster]
    assert tuple(from_table(pq.read_table(run / NAME), Repeat)) == found.rows


@pytest.mark.slow
def test_a_threshold_of_one_asks_for_equal_shingles(run: Path) -> None:
    found = find_repeats(run, 1.0)
    assert [row.problem_id for row in found.rows] == ["p/0", "p/2"], "comments say nothing"


def test_the_command_names_the_problems(run: Path, home: Path, tmp_path: Path) -> None:
    done = call_pairsmith("repeats", run, home=home)
    assert done.returncode == 0, done.stderr
    assert "1 clusters span several problems, 1 of them train and test" in " ".join(done.stdout.split())
    assert "3 programs of p/0 (train), p/1 (train), p/2 (test)" in done.stdout
    assert_one_line(call_pairsmith("repeats", tmp_path / "none", home=home), "no such run folder")
    (tmp_path / "empty").mkdir()
    assert_one_line(call_pairsmith("repeats", tmp_path / "empty", home=home), "no programs")


def test_a_folder_without_programs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PairsmithError, match="no programs"):
        find_repeats(tmp_path, 0.85)
