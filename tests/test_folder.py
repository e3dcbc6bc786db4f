import errno
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.pipeline.chain.state import broken_files
from pairsmith.pipeline.run import folder as folder_module
from pairsmith.pipeline.run.digests import content_digest, digest, file_digest, some_files
from pairsmith.pipeline.run.folder import MANIFEST, FolderError, Shard, StageFolder, shard_name, write_whole
from pairsmith.schemas.execution import CaseRun, Execution, Status
from pairsmith.schemas.pair import Message

ROWS = (Message("user", "hé"), Message("assistant", "ho" * 2000))
SHARD = Shard(ROWS, 3, {"too_long": 1}, {"tokens": 7})
NAMES = (shard_name(0), shard_name(1))


@pytest.fixture
def stage(tmp_path: Path) -> StageFolder:
    return StageFolder(tmp_path / "run", "messages", Message)


@pytest.fixture
def done(stage: StageFolder) -> StageFolder:
    """A stage of two shards with its manifest."""
    for name in NAMES:
        stage.write_shard(name, "key", SHARD)
    stage.finish(NAMES, "print", {"pyarrow": "1"})
    return stage


def files_of(stage: StageFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(stage.path.iterdir())}


def execution(wall_s: float, value: str = "1") -> Execution:
    run = CaseRun(Status.OK, value, "d", "", wall_s)
    return Execution("c", "p", Status.OK, "", "", (run, run), "", "s", "fake", wall_s, wall_s, wall_s)


def test_nothing_is_touched_before_the_first_write(stage: StageFolder) -> None:
    assert stage.manifest() is None
    assert not stage.holds("print")
    assert not stage.has_shard(NAMES[0], "key")
    assert stage.shard_names() == []
    assert not stage.path.exists()


def test_rows_come_back(done: StageFolder) -> None:
    assert done.read(NAMES[0]) == list(ROWS)
    assert done.read_all() == [*ROWS, *ROWS]
    assert done.shard_names() == list(NAMES)


def test_an_equals_sign_in_the_path_adds_no_column(tmp_path: Path) -> None:
    stage = StageFolder(tmp_path / "lr=1", "messages", Message)
    stage.write_shard(NAMES[0], "key", SHARD)
    assert stage.read(NAMES[0]) == list(ROWS)


def test_the_manifest_counts(done: StageFolder) -> None:
    manifest = done.manifest()
    assert manifest is not None
    assert (manifest.stage, manifest.fingerprint) == ("messages", "print")
    assert (manifest.n_in, manifest.n_out) == (6, 4)
    assert (manifest.dropped, manifest.counts) == ({"too_long": 2}, {"tokens": 14})
    assert manifest.versions == {"pyarrow": "1"}
    for file in manifest.files:
        assert file.sha256 == file_digest(done.path / file.name)
        assert file.content == done.content(file.name) == content_digest(ROWS, Message)
        assert file.rows == 2


def test_of_a_large_stage_some_files_are_read_other_ones_each_time(
    done: StageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [done.path / name for name in NAMES]
    assert set(some_files(paths)) == set(paths), "all of a small one"
    assert {tuple(some_files(paths, 0)) for _ in range(100)} == {(path,) for path in paths}
    monkeypatch.setattr(folder_module, "_written", {})
    monkeypatch.setattr(folder_module, "some_files", lambda files: [paths[0]])
    paths[1].write_bytes(b"other")
    assert done.holds("print")
    assert list(broken_files(done.path.parent)) == [paths[1]]
    paths[0].write_bytes(b"other")
    assert not done.holds("print")
    paths[1].unlink()
    assert not done.holds("print")
    assert list(broken_files(done.path.parent)) == paths


def test_a_shard_is_there_under_its_own_key_only(done: StageFolder) -> None:
    assert done.has_shard(NAMES[0], "key")
    assert not done.has_shard(NAMES[0], "stale")
    assert not done.has_shard("part-00009.parquet", "key")
    assert done.holds("print")
    assert not done.holds("stale")


def test_files_are_what_they_were_byte_by_byte(done: StageFolder, tmp_path: Path) -> None:
    again = StageFolder(tmp_path / "again", "messages", Message)
    for name in reversed(NAMES):
        again.write_shard(name, "key", SHARD)
    again.finish(list(reversed(NAMES)), "print", {"pyarrow": "1"})
    assert files_of(again) == files_of(done)


def test_any_changed_byte_is_noticed(done: StageFolder) -> None:
    path = done.path / NAMES[1]
    whole = path.read_bytes()
    for at in range(0, len(whole), 23):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert not done.holds("print"), at
    path.write_bytes(whole)
    assert done.holds("print")


def test_a_shard_with_a_changed_page_is_made_again(done: StageFolder) -> None:
    path = done.path / NAMES[0]
    whole = path.read_bytes()
    column = pq.read_metadata(path).row_group(0).column(1)
    end = column.data_page_offset + 20
    path.write_bytes(whole[:end] + bytes([whole[end] ^ 255]) + whole[end + 1 :])
    assert not done.has_shard(NAMES[0], "key")
    with pytest.raises(
        FolderError, match=r"part-00000\.parquet: can't be read \(.*\); delete it to make it again"
    ):
        done.read(NAMES[0])


@pytest.mark.slow
def test_a_flipped_bit_anywhere_is_never_signed(done: StageFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run was killed before its manifest; then a bit of a shard flips, which no other digest covers."""
    monkeypatch.setattr(folder_module, "_written", {})
    path = done.path / NAMES[0]
    whole, (sha256, *_) = path.read_bytes(), [file.sha256 for file in done.manifest().files]  # type: ignore[union-attr]
    n_signed = 0
    for at in range(5, len(whole), 73):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        if done.has_shard(NAMES[0], "key"):
            n_signed += 1
            assert done.finish(NAMES, "print", {}).files[0].sha256 == sha256, at
            assert path.read_bytes() == whole
            folder_module._written.clear()
    assert n_signed > 0  # such as of the page index


def test_a_shard_of_other_rows_under_the_same_key_is_not_there(done: StageFolder) -> None:
    path = done.path / NAMES[0]
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 1), path)  # metadata, key included, goes along
    assert pq.read_schema(path).metadata[b"pairsmith:key"] == b"key"
    assert not done.has_shard(NAMES[0], "key")


@pytest.mark.parametrize("left", [0, 1, 100, -1])
def test_a_torn_shard_is_not_there(done: StageFolder, left: int) -> None:
    path = done.path / NAMES[0]
    path.write_bytes(path.read_bytes()[:left])
    assert not done.has_shard(NAMES[0], "key")
    assert not done.holds("print")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_has_shard_never_raises(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    stage = StageFolder(tmp_path_factory.mktemp("run"), "messages", Message)
    path = stage.write_shard(NAMES[0], "key", SHARD)
    content = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    if stage.has_shard(NAMES[0], "key"):
        assert stage.read(NAMES[0]) == list(ROWS)


def test_a_missing_file_is_noticed(done: StageFolder) -> None:
    (done.path / NAMES[1]).unlink()
    assert not done.holds("print")
    with pytest.raises(FolderError, match=r"part-00001\.parquet: no such shard; run the stage again"):
        done.read(NAMES[1])


def test_a_shard_of_other_columns_can_not_be_read(done: StageFolder) -> None:
    with pytest.raises(FolderError, match="no column 'candidate_id' for Execution"):
        StageFolder(done.path.parent, "messages", Execution).read(NAMES[0])


def test_leftovers_do_no_harm_and_go_at_the_end(done: StageFolder) -> None:
    before = files_of(done)
    (done.path / f"{NAMES[0]}.partial").write_bytes(b"torn")
    done.write_shard("part-00007.parquet", "key", SHARD)
    assert "part-00000.parquet.partial" not in done.shard_names()
    done.finish(NAMES, "print", {"pyarrow": "1"})
    assert files_of(done) == before


def test_a_stage_begun_again_is_not_done(done: StageFolder) -> None:
    done.write_shard(NAMES[0], "other key", SHARD)
    assert done.manifest() is None
    assert done.has_shard(NAMES[1], "key")


def test_the_manifest_is_written_last(stage: StageFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real = folder_module.write_whole

    def note(path: Path, data: bytes) -> None:
        assert not (stage.path / MANIFEST).exists()
        order.append(path.name)
        real(path, data)

    monkeypatch.setattr(folder_module, "write_whole", note)
    for name in NAMES:
        stage.write_shard(name, "key", SHARD)
    stage.finish(NAMES, "print", {})
    assert order == [*NAMES, MANIFEST]


def test_a_kill_between_the_end_and_the_manifest_leaves_no_manifest(
    done: StageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, data: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "write_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        done.finish(NAMES, "new print", {})
    assert done.manifest() is None
    assert all(done.has_shard(name, "key") for name in NAMES)


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(
    done: StageFolder, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = file_digest(done.path / NAMES[0])
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Full:
        """A file on a full disk."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, data: bytes) -> None:
            self.file.write(data[: len(data) // 2])
            raise full

    def fail(*_: object) -> None:
        raise full

    real_open = Path.open
    if step == "write":
        monkeypatch.setattr(Path, "open", lambda path, mode: Full(real_open(path, mode)))
    elif step == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(FolderError) as caught:
        done.write_shard(NAMES[0], "key", Shard(ROWS[:1], 1))
    monkeypatch.undo()
    assert str(caught.value).startswith(f"{done.path / NAMES[0]}: No space left on device; ")
    assert "\n" not in str(caught.value)
    assert file_digest(done.path / NAMES[0]) == before
    assert list(done.path.glob("*.partial")) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    path = tmp_path / "tiny"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_told_in_one_line(tiny_disk: Path) -> None:
    stage = StageFolder(tiny_disk, "messages", Message)
    stage.write_shard(NAMES[0], "key", SHARD)
    noise = Shard([Message("user", os.urandom(100_000).hex())], 1)
    with pytest.raises(FolderError, match=r"^[^\n]*part-00001\.parquet: No space left on device; [^\n]*$"):
        stage.write_shard(NAMES[1], "key", noise)
    assert stage.has_shard(NAMES[0], "key")
    assert [path.name for path in stage.path.iterdir()] == [NAMES[0]]


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(FolderError, match=r"part-00000\.parquet: (Not a directory|File exists);"):
        StageFolder(tmp_path / "run", "messages", Message).write_shard(NAMES[0], "key", SHARD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "3",
        '"x"',
        "{}",
        '{"files": 3}',
        '{"files": [3]}',
        '{"files": [], "more": 1}',
        "\xff",
    ],
)
def test_a_broken_manifest_says_what_to_do(done: StageFolder, text: str) -> None:
    path = done.path / MANIFEST
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FolderError) as caught:
        done.manifest()
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("; delete it to make the stage again")
    assert "\n" not in str(caught.value)


def test_a_manifest_comes_back(done: StageFolder) -> None:
    manifest = done.manifest()
    assert manifest is not None
    assert type(manifest).from_json(manifest.to_json()) == manifest
    assert list(json.loads(manifest.to_json())) == sorted(json.loads(manifest.to_json()))


@given(st.floats(0, 1e9), st.floats(0, 1e9))
@settings(max_examples=30)
def test_measured_columns_do_not_count_as_content(one: float, other: float) -> None:
    assert content_digest([execution(one)], Execution) == content_digest([execution(other)], Execution)


def test_everything_else_counts_as_content() -> None:
    row = execution(1.0)
    changed = [replace(row, detail="x"), execution(1.0, "2"), replace(row, runs=row.runs[:1])]
    digests = {
        content_digest(rows, Execution) for rows in ([row], [], [row, row], *([other] for other in changed))
    }
    assert len(digests) == 6
    assert content_digest(ROWS, Message) != content_digest(ROWS[::-1], Message)


def test_digests_know_borders_and_order() -> None:
    assert len({digest("ab", "c"), digest("a", "bc"), digest("c", "ab"), digest("abc"), digest("abc", "")}) == 5
    assert len(digest("a")) == 32


def test_write_whole_replaces(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
