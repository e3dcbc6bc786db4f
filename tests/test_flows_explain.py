"""`pairsmith explain` as a user meets it; hostile candidates in it and in `inspect`."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.pairing.drops import Drop, read_marks, write_marks
from pairsmith.pipeline.report.history import NoPairError, RunReader, find_pair
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.pair import Mark, MarkKind, Message, Pair
from tests.cli_kit import assert_one_line, call_pairsmith
from tests.hostile import FORBIDDEN, HOSTILE, LARGE


@pytest.fixture
def pair(built: Path) -> Pair:
    pairs: list[Pair] = stage_folder(built, "pairs").read_all()
    return next(pair for pair in pairs if pair.rejected_cause == "wrong_value")


def test_the_whole_history_is_told(built: Path, pair: Pair, home: Path) -> None:
    done = call_pairsmith("explain", pair.pair_id[:10], "--run", built, home=home)
    assert done.returncode == 0, done.stderr
    history = RunReader(built).history(pair.problem_id)
    chosen = history.find(pair.chosen_id)
    told = [
        pair.pair_id, pair.problem_id, f"candidate {pair.chosen_id}", f"candidate {pair.rejected_id}",
        history.problem.prompt.splitlines()[0], chosen.candidate.completion.splitlines()[0],
        "verdict: passed", "verdict: failed, wrong_value", f"tags: {pair.chosen_tags}", "✓", "✗",
        "== why this pair", "Offer each passed candidate over each failed one", "== why not another",
    ]  # fmt: skip
    assert [text for text in told if text not in done.stdout] == []
    others = [known.candidate.candidate_id for known in history.candidates]
    assert [key for key in others if key[:12] not in done.stdout] == []


@pytest.mark.parametrize(("given", "words"), [("zz", ("zz", "hex digits")), ("0" * 32, ("no such pair", "--run"))])
def test_an_unknown_id_is_one_line(given: str, words: tuple[str, ...], built: Path, home: Path) -> None:
    assert_one_line(call_pairsmith("explain", given, "--run", built, home=home), *words)


def test_a_short_id_of_several_pairs_is_refused(built: Path, tmp_path: Path) -> None:
    pairs: list[Pair] = stage_folder(built, "pairs").read_all()[:2]
    twins = [replace(pair, pair_id=f"abcdef{number}" + 25 * "0") for number, pair in enumerate(pairs)]
    (tmp_path / "pairs").mkdir()
    _write(tmp_path / "pairs" / "train-00000.parquet", twins)
    with pytest.raises(NoPairError, match="several pairs"):
        find_pair([tmp_path], "abcdef")
    assert find_pair([tmp_path], "abcdef1")[1]["problem_id"] == pairs[1].problem_id


@pytest.mark.parametrize("text", [HOSTILE, LARGE], ids=["hostile", "large"])
@pytest.mark.parametrize("verb", ["explain", "inspect"])
def test_hostile_text_reaches_no_terminal(
    verb: str, text: str, built: Path, pair: Pair, home: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(built, run)
    _change(run, "candidates", pair.chosen_id, lambda row: replace(row, completion=text, prompt=text))
    _change(run, "programs", pair.chosen_id, lambda row: replace(row, code=text))
    folder = stage_folder(run, "pairs")
    bad = replace(
        pair, chosen=(Message("assistant", text),), prompt=(Message("user", text),), rejected_detail=text
    )
    _write(folder.path / folder.shard_names()[0], [bad])
    arguments = ["explain", pair.pair_id, "--run", str(run)] if verb == "explain" else ["inspect", str(run)]
    done = call_pairsmith(*arguments, home=home)
    assert done.returncode == 0, done.stderr
    assert "def f(x):" in done.stdout
    assert [repr(bad) for bad in FORBIDDEN if bad in done.stdout] == []
    assert len(done.stdout) < 1_000_000


@pytest.mark.usefixtures("prefect_here")
def test_marks_are_kept_and_the_next_build_honours_them(
    built: Path, config: Path, pair: Pair, home: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(built, run)
    write_marks(run, [Mark(pair.chosen_id, pair.rejected_id, pair.pair_id, pair.problem_id, MarkKind.BAD)])
    assert read_marks(run)[0].mark is MarkKind.BAD
    done = call_pairsmith("build", config, "--set", f"run={run}", home=home)
    assert done.returncode == 0, done.stderr
    manifest = stage_folder(run, "pairs").manifest()
    assert manifest is not None
    assert manifest.dropped["marked_bad"] == 1
    ids = {(row.chosen_id, row.rejected_id) for row in stage_folder(run, "pairs").read_all()}
    assert (pair.chosen_id, pair.rejected_id) not in ids
    assert ids  # and the others are there
    (run / "marks.parquet").write_bytes(b"torn")
    assert_one_line(call_pairsmith("build", config, "--set", f"run={run}", home=home), "marks.parquet")


def test_each_reason_has_words() -> None:
    assert all(reason.words for reason in Drop)


def _change(run: Path, stage: str, candidate_id: str, change: Callable[[Any], Any]) -> None:
    folder = stage_folder(run, stage)
    for name in folder.shard_names():
        rows = folder.read(name)
        if any(row.candidate_id == candidate_id for row in rows):
            changed = [change(row) if row.candidate_id == candidate_id else row for row in rows]
            _write(folder.path / name, changed)


def _write(path: Path, rows: list[Any]) -> None:
    import pyarrow.parquet as pq

    pq.write_table(to_table(rows, type(rows[0])), path)
