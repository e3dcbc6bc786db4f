import contextlib
import dataclasses
import json
import math
import random
import sqlite3
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.sampling.filling import sample_problems
from pairsmith.pipeline.sampling.protocol import SamplingError
from pairsmith.pipeline.sampling.store import SampleStore, StoreState, repair
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.pair import Message
from tests.cli_kit import assert_one_line, call_pairsmith
from tests.sampling_kit import EchoSampler, make_problem


def make_candidate(number: int, completion: str = "é\ud7ff𝒳\n\0") -> Candidate:
    return Candidate(
        f"{number:032x}", "p/a", number, "openai", "m", "r", "chat", "Do it.", completion, 0.8, 0.95, 64, 7, 3, 5,
        "stop", -0.25, "few_shot", (Message("user", "ä"), Message("assistant", "ö")), True, (-0.5, -1.0), 1.25,
    )  # fmt: skip


def test_what_is_added_is_found_as_it_was(tmp_path: Path) -> None:
    store = SampleStore(tmp_path / "deep" / "samples.sqlite")
    rows = [make_candidate(n) for n in range(1200)]
    for row in rows:
        store.add(row)
    found = store.find([row.candidate_id for row in rows] + ["f" * 32])
    assert found == {row.candidate_id: row for row in rows}
    assert len(store) == 1200
    store.close()


def test_the_first_sample_of_an_id_stays(tmp_path: Path) -> None:
    store = SampleStore(tmp_path / "s.sqlite")
    store.add(make_candidate(1, "first"))
    store.add(make_candidate(1, "second"))
    assert store.find([f"{1:032x}"])[f"{1:032x}"].completion == "first"
    store.close()


def test_two_runs_write_at_once_and_see_each_other(tmp_path: Path) -> None:
    stores = [SampleStore(tmp_path / "s.sqlite") for _ in range(2)]
    threads = [
        threading.Thread(
            target=lambda store, start: [store.add(make_candidate(n)) for n in range(start, 300, 2)], args=pair
        )
        for pair in zip(stores, (0, 1), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(store) for store in stores] == [300, 300]
    for store in stores:
        store.close()


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_that_it_had_added(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from typing import Any
from pairsmith.pipeline.sampling.store import SampleStore
from tests.test_sampling_store import make_candidate
store = SampleStore(Path({str(tmp_path / "s.sqlite")!r}))
for n in range(50):
    store.add(make_candidate(n))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False)
    assert done.returncode == -9
    store = SampleStore(tmp_path / "s.sqlite")
    assert len(store) == 50
    store.close()


def test_a_file_that_is_no_store_and_one_of_another_format_are_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to be looked at as one" * 20)
    with pytest.raises(SamplingError, match="text: the sample store can't be used"):
        SampleStore(tmp_path / "text")
    newer = sqlite3.connect(tmp_path / "newer")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(SamplingError, match="format 99"):
        SampleStore(tmp_path / "newer")


def test_a_second_run_draws_only_what_is_missing(tmp_path: Path) -> None:
    """Growing n from 8 to 16 and adding 20 problems: counted at the backend."""
    problems = [make_problem(f"f{n}") for n in range(10)]
    store = SampleStore(tmp_path / "s.sqlite")
    first = EchoSampler()
    sample_problems(problems, first, SamplingConfig(n=8), 3, store)
    assert len(first.asked) == 80
    second = EchoSampler()
    more = [*problems, *(make_problem(f"g{n}") for n in range(20))]
    rows = sample_problems(more, second, SamplingConfig(n=16), 3, store)
    assert len(rows) == 30 * 16
    assert len(second.asked) == 10 * 8 + 20 * 16
    assert {(r.problem_id, r.index) for r in second.asked} == {
        *((p.problem_id, i) for p in problems for i in range(8, 16)),
        *((f"p/g{n}", i) for n in range(20) for i in range(16)),
    }
    third = EchoSampler()
    changed = [make_problem("f0", prompt="Triple it."), *problems[1:]]
    sample_problems(changed, third, SamplingConfig(n=16), 3, store)
    assert {r.problem_id for r in third.asked} == {"p/f0"}
    store.close()


DAMAGE: dict[str, Any] = {
    "n_tokens": 10**30, "n_prompt_tokens": -2, "mean_logprob": math.nan, "token_logprobs": [0.5], "seed": 2**40,
    "wall_s": math.inf, "completion": 5, "context": "no list", "index": "0", "temperature": "hot",
    "max_tokens": 10**20, "n_reasoning_tokens": -5, "top_p": math.inf, "reasoning": "\ud800", "model": "\udfff",
}  # fmt: skip


@pytest.mark.parametrize("field", DAMAGE)
def test_a_damaged_row_counts_as_missing_and_is_replaced(tmp_path: Path, field: str) -> None:
    store = SampleStore(tmp_path / "s.sqlite")
    good = make_candidate(1)
    store.add(good)
    row = {**dataclasses.asdict(good), field: DAMAGE[field]}
    store._database.execute("UPDATE sample SET row = ?", (zlib.compress(json.dumps(row).encode()),))
    assert store.find([good.candidate_id]) == {}
    store.add(good)
    assert store.find([good.candidate_id]) == {good.candidate_id: good}
    store.close()


@pytest.mark.parametrize("row", [b"", b"no zlib", zlib.compress(b"[1, 2"), zlib.compress(b"{}")])
def test_bytes_that_are_no_row_count_as_missing(tmp_path: Path, row: bytes) -> None:
    store = SampleStore(tmp_path / "s.sqlite")
    store.add(make_candidate(1))
    store._database.execute("UPDATE sample SET row = ?", (row,))
    assert store.find([f"{1:032x}"]) == {}
    store.close()


def test_a_packed_row_of_gigabytes_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairsmith.pipeline.sampling.store._MAX_ROW_BYTES", 1 << 16)
    store = SampleStore(tmp_path / "s.sqlite")
    store.add(make_candidate(1, "x" * (1 << 17)))
    assert store.find([f"{1:032x}"]) == {}
    store.close()


def filled(path: Path, n: int = 400) -> None:
    store = SampleStore(path)
    for number in range(n):
        store.add(make_candidate(number, f"{number} " + random.Random(number).randbytes(100).hex()))
    store._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()


def test_a_check_counts_samples_and_damaged_rows_and_a_repair_drops_them(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    filled(path, 5)
    store = SampleStore(path)
    assert store.check() == StoreState(5, 0, "")
    store._database.execute("UPDATE sample SET row = 'text' WHERE id = ?", (bytes.fromhex(f"{3:032x}"),))
    store._database.execute("UPDATE sample SET row = ? WHERE id = ?", (b"x", bytes.fromhex(f"{4:032x}")))
    assert store.check() == StoreState(3, 2, "")
    store.close()
    assert repair(path)[:2] == (3, 2)
    store = SampleStore(path)
    assert store.check() == StoreState(3, 0, "")
    sampler = EchoSampler()
    sample_problems([make_problem()], sampler, SamplingConfig(n=2), 3, store)
    assert len(sampler.asked) == 2, "a repaired store is drawn into"
    store.close()


def test_of_a_file_with_a_damaged_page_all_but_that_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    filled(path)
    content = bytearray(path.read_bytes())
    half = len(content) // 2 // 4096 * 4096
    content[half : half + 4096] = bytes(4096)
    path.write_bytes(content)
    store = SampleStore(path)
    assert store.check().fault
    with pytest.raises(SamplingError, match="pairsmith store repair"):
        store.find([f"{number:032x}" for number in range(400)])
    store.close()
    n_kept, _, old = repair(path)
    assert 350 < n_kept < 400
    assert old.read_bytes() == bytes(content)
    store = SampleStore(path)
    assert (store.check(), len(store)) == (StoreState(n_kept, 0, ""), n_kept)
    store.close()


def test_the_command_checks_and_repairs_the_store_of_all_runs(tmp_path: Path) -> None:
    path = tmp_path / ".cache" / "pairsmith" / "samples.sqlite"
    assert_one_line(call_pairsmith("store", "check", home=tmp_path), "samples.sqlite: no such sample store")
    filled(path, 3)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE sample SET row = 'text' WHERE id = ?", (bytes.fromhex(f"{1:032x}"),))
    done = call_pairsmith("store", "check", home=tmp_path)
    assert (done.returncode, "2 samples, 1 damaged rows, which runs sample again" in done.stdout) == (1, True)
    done = call_pairsmith("store", "repair", home=tmp_path)
    assert (done.returncode, "2 samples kept, 1 damaged rows left out" in done.stdout) == (0, True)
    done = call_pairsmith("store", "check", path, home=tmp_path)
    assert (done.returncode, "2 samples\n" in done.stdout) == (0, True)


def test_a_store_of_which_nothing_can_be_read_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    filled(path, 3)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE sample SET row = 'text'")
    content = path.read_bytes()
    with pytest.raises(SamplingError, match="no sample can be read"):
        repair(path)
    assert path.read_bytes() == content
    assert [one.name for one in tmp_path.iterdir()] == ["s.sqlite"]
    with pytest.raises(SamplingError, match="no such sample store"):
        repair(tmp_path / "none")


def test_a_store_of_another_form_is_named_when_it_is_opened(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "s.sqlite")
    other.execute("CREATE TABLE sample (name TEXT)")
    other.close()
    with pytest.raises(SamplingError, match="the sample store can't be used"):
        SampleStore(tmp_path / "s.sqlite")


def test_rows_of_older_versions_lack_later_columns(tmp_path: Path) -> None:
    store = SampleStore(tmp_path / "s.sqlite")
    good = make_candidate(1)
    store.add(good)
    row = dataclasses.asdict(good)
    del row["extra"]
    store._database.execute("UPDATE sample SET row = ?", (zlib.compress(json.dumps(row).encode()),))
    assert store.find([good.candidate_id]) == {good.candidate_id: good}
    store.close()
