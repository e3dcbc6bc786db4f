"""A run folder and its mirror: the manifest last, nothing lost, nothing made twice."""

import json
import shutil
from pathlib import Path

import pytest

from pairsmith.pipeline.run.folder import MANIFEST, Shard, StageFolder, shard_name, write_whole
from pairsmith.pipeline.run.stores import Mirror, RemoteFolder, StoreError, mirror_of, mirrored
from pairsmith.pipeline.run.stores.remote import Lease
from pairsmith.schemas.pair import Message

NAMES = (shard_name(0), shard_name(1))
SHARD = Shard((Message("user", "a"), Message("assistant", "b")), 2)


def stage_of(run: Path) -> StageFolder:
    return StageFolder(run, "messages", Message)


def make(run: Path, key: str = "key") -> None:
    for name in NAMES:
        stage_of(run).write_shard(name, key, SHARD)
    stage_of(run).finish(NAMES, f"print of {key}", {})


def files_of(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def names_in(address: str) -> list[str]:
    return sorted(name for name in RemoteFolder(address).list() if not name.startswith(".lease"))


def test_a_run_on_another_machine_finds_all_that_was_made(address: str, tmp_path: Path) -> None:
    with mirrored(tmp_path / "one", address):
        make(tmp_path / "one")
        (tmp_path / "one" / "report.html").write_text("not written whole")
    with mirrored(tmp_path / "other", address) as mirror:
        assert files_of(tmp_path / "other") == files_of(tmp_path / "one")
        assert stage_of(tmp_path / "other").holds("print of key")
        assert mirror.pull() == 0  # nothing is fetched twice
        assert mirror.push() == 0  # nor sent


def test_each_shard_goes_at_once_and_the_manifest_last(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    put = RemoteFolder.put

    def note(remote: RemoteFolder, source: Path, name: str) -> str:
        order.append(name)
        return put(remote, source, name)

    monkeypatch.setattr(RemoteFolder, "put", note)
    with mirrored(tmp_path / "run", address):
        stage_of(tmp_path / "run").write_shard(NAMES[0], "key", SHARD)
        assert order == [f"messages/{NAMES[0]}"]
        (tmp_path / "run" / "dataset").mkdir()
        (tmp_path / "run" / "dataset" / "card.md").write_text("beside")
        make(tmp_path / "run")
        assert order[-2:] == ["dataset/card.md", f"messages/{MANIFEST}"]
        assert names_in(address) == sorted(set(order))


def test_a_stage_that_is_begun_again_is_not_done_in_the_store(address: str, tmp_path: Path) -> None:
    with mirrored(tmp_path / "run", address):
        make(tmp_path / "run")
        stage_of(tmp_path / "run").write_shard(NAMES[0], "other", SHARD)
        assert names_in(address) == [f"messages/{name}" for name in NAMES]
        shutil.copytree(tmp_path / "run", tmp_path / "killed")  # as it is at this moment
    Mirror(tmp_path / "fresh", RemoteFolder(address)).pull()
    assert stage_of(tmp_path / "fresh").has_shard(NAMES[0], "other")
    assert stage_of(tmp_path / "fresh").has_shard(NAMES[1], "key")
    assert stage_of(tmp_path / "fresh").manifest() is None


def test_a_torn_object_counts_for_nothing(address: str, tmp_path: Path) -> None:
    """Whatever a store did to it: rows and files are held against their digests."""
    with mirrored(tmp_path / "run", address):
        make(tmp_path / "run")
    remote = RemoteFolder(address)
    remote.write(f"messages/{NAMES[1]}", remote.read(f"messages/{NAMES[1]}")[:-40])
    Mirror(tmp_path / "fresh", remote).pull()
    stage = stage_of(tmp_path / "fresh")
    assert not stage.holds("print of key")
    assert [stage.has_shard(name, "key") for name in NAMES] == [True, False]


def test_what_was_written_before_a_kill_goes_with_the_next_run(address: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with mirrored(run, address):
        make(run)
    stage_of(run).write_shard(NAMES[0], "newer", SHARD)  # and killed before it was put
    with mirrored(run, address):
        assert stage_of(run).has_shard(NAMES[0], "newer")
    Mirror(tmp_path / "fresh", RemoteFolder(address)).pull()
    assert stage_of(tmp_path / "fresh").has_shard(NAMES[0], "newer")


def test_what_another_machine_did_meanwhile_is_fetched(address: str, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with mirrored(one, address):
        make(one)
        write_whole(one / "dataset" / "old.parquet", b"old")
    with mirrored(other, address):
        make(other, "newer")
        shutil.rmtree(other / "dataset")
        write_whole(other / "dataset" / "new.parquet", b"new")
    with mirrored(one, address):
        assert files_of(one) == files_of(other)
        assert "dataset/old.parquet" not in files_of(one)


def test_a_shard_that_is_gone_from_the_store_is_gone_for_who_asks_for_it(address: str, tmp_path: Path) -> None:
    """As where a node of a cluster holds one that its head had removed, to be made again."""
    with mirrored(tmp_path / "run", address):
        make(tmp_path / "run")
    remote, node = RemoteFolder(address), tmp_path / "node"
    mirror = Mirror(node, remote)
    asked = [f"messages/{name}" for name in NAMES]
    assert mirror.pull_files([asked[0], "messages/none", "messages"]) == 1
    assert list(files_of(node)) == [asked[0]]
    remote.remove([asked[0]])
    assert mirror.pull_files([asked[1]]) == 1
    assert list(files_of(node)) == asked
    assert mirror.pull_files(asked) == 0
    assert list(files_of(node)) == [asked[1]]


def test_some_files_are_fetched_without_a_listing(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mirrored(tmp_path / "run", address):
        make(tmp_path / "run")
    monkeypatch.delattr(RemoteFolder, "list")
    assert Mirror(tmp_path / "node", RemoteFolder(address)).pull_files([f"messages/{NAMES[1]}"]) == 1
    assert stage_of(tmp_path / "node").has_shard(NAMES[1], "key")


def test_an_empty_store_takes_nothing_away(address: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with mirrored(run, address):
        make(run)
    before = files_of(run)
    remote = RemoteFolder(address)
    remote.remove(list(remote.list()))
    with mirrored(run, address):
        assert files_of(run) == before
    assert names_in(address) == sorted(before)


def test_what_is_of_one_machine_stays_there(address: str, tmp_path: Path) -> None:
    with mirrored(tmp_path / "run", address) as mirror:
        for name in (
            "cache/compiled/a",
            "logs/server.log",
            "progress.json",
            "samples.sqlite",
            ".lock",
            "x.partial",
        ):
            write_whole(tmp_path / "run" / name, b"mine")
        write_whole(tmp_path / "run" / "evaluation" / "before" / "cache" / "kept", b"ours")
        mirror.push()
    assert names_in(address) == ["evaluation/before/cache/kept"]


def test_what_is_of_one_machine_in_a_run_of_a_study_stays_there_too(address: str, tmp_path: Path) -> None:
    runs = ("", "starts/a/", "shared/a/own/", "cells/a/own/dpo/")
    with mirrored(tmp_path / "study", address):
        for run in runs:
            for name in (
                "samples.sqlite",
                "progress.json",
                "logs/x",
                "cache/x",
                "config.toml",
                "evaluation/cache/x",
            ):
                write_whole(tmp_path / "study" / run / name, b"mine")
    assert names_in(address) == sorted(
        f"{run}{name}" for run in runs for name in ("config.toml", "evaluation/cache/x")
    )


def test_a_checkpoint_is_marked_as_whole_last(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run" / "training" / "checkpoints" / "checkpoint-5"
    folder.mkdir(parents=True)
    for name in ("whole", "weights", "a"):
        (folder / name).write_text(name)
    order: list[str] = []

    def note(remote: RemoteFolder, source: Path, name: str) -> str:
        order.append(source.name)
        return "token"

    monkeypatch.setattr(RemoteFolder, "put", note)
    Mirror(tmp_path / "run", RemoteFolder(address)).push()
    assert order == ["a", "weights", "whole"]


def test_what_a_killed_writer_left_half_is_no_file_of_the_run(tmp_path: Path) -> None:
    torn = tmp_path / "store" / "messages" / f"{NAMES[0]}.{'a' * 32}.partial"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"half")
    with mirrored(tmp_path / "run", f"file://{tmp_path / 'store'}"):
        make(tmp_path / "run")
    Mirror(tmp_path / "fresh", RemoteFolder(f"file://{tmp_path / 'store'}")).pull()
    assert files_of(tmp_path / "fresh") == files_of(tmp_path / "run")
    assert stage_of(tmp_path / "fresh").holds("print of key")


def test_who_lost_the_folder_puts_nothing_more(address: str, tmp_path: Path) -> None:
    def work() -> None:
        with mirrored(tmp_path / "run", address) as mirror:
            write_whole(tmp_path / "run" / "one", b"1")
            Lease(RemoteFolder(address), lambda: 1e12).acquire()
            assert mirror.lease is not None
            mirror.lease.beat()
            write_whole(tmp_path / "run" / "two", b"2")

    with pytest.raises(StoreError, match="assumed that this one was dead"):
        work()
    assert names_in(address) == ["one"]
    assert mirror_of(tmp_path / "run") is None


def test_notes_that_cannot_be_read_or_are_of_another_store_are_none(address: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with mirrored(run, address):
        make(run)
    noted = json.loads((run / ".store.json").read_text())
    for text in ("{", "[]", json.dumps({**noted, "address": "s3://elsewhere/run"})):
        (run / ".store.json").write_text(text)
        mirror = Mirror(run, RemoteFolder(address))
        assert mirror.pull() == 3
        assert mirror.push() == 0
