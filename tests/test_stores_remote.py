"""A folder of a store: what is put is there whole or not at all, and faults are one line."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest

from pairsmith.pipeline.run.stores import RemoteFolder, StoreError
from tests.stores_kit import SERVERS


@pytest.fixture
def remote(address: str) -> RemoteFolder:
    return RemoteFolder(address)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_what_is_put_is_listed_and_fetched(remote: RemoteFolder, tmp_path: Path) -> None:
    assert remote.list() == {}
    token = remote.put(write(tmp_path / "one", b"first"), "a/b/one")
    remote.put(write(tmp_path / "two", b""), "two")
    there = remote.list()
    assert there["a/b/one"] == (token, 5)
    assert set(there) == {"a/b/one", "two"}
    assert set(remote.list("a")) == {"a/b/one"}
    remote.get({"a/b/one": tmp_path / "x" / "one", "two": tmp_path / "x" / "two"})
    assert (tmp_path / "x" / "one").read_bytes() == b"first"
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["one", "two"]


def test_another_version_has_another_token(remote: RemoteFolder, tmp_path: Path) -> None:
    first = remote.put(write(tmp_path / "one", b"first"), "one")
    second = remote.put(write(tmp_path / "one", b"other"), "one")
    assert first != second
    assert remote.list()["one"] == (second, 5)
    assert remote.read("one") == b"other"


def test_what_is_gone_is_no_fault(remote: RemoteFolder, tmp_path: Path) -> None:
    remote.put(write(tmp_path / "one", b"1"), "one")
    assert remote.read("none") == b""
    remote.remove(["one", "none"])
    assert remote.list() == {}
    remote.get({"none": tmp_path / "none"})
    assert not (tmp_path / "none").exists()


def test_of_two_who_create_one_does(remote: RemoteFolder) -> None:
    assert remote.create("lock/1", b"mine")
    assert not remote.create("lock/1", b"yours")
    assert remote.read("lock/1") == b"mine"


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # gcsfs does so
def test_a_torn_upload_is_not_there(remote: RemoteFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks, or the process is killed, in the middle of a file."""
    system: Any = remote._system
    remote.put(write(tmp_path / "old", b"old"), "shard")
    whole = write(tmp_path / "new", b"x" * (6 << 20))

    def tear(source: str, path: str) -> None:
        file = system.open(path, "wb", block_size=5 << 20)  # more than S3 takes at once: a part is sent
        file.write(Path(source).read_bytes())
        with contextlib.suppress(AttributeError):
            file.closed = True  # else it would be made whole when Python lets go of it
        raise OSError("connection reset by peer")

    monkeypatch.setattr(system, "put_file", tear)
    with pytest.raises(StoreError, match=r"shard: connection reset by peer; .* run again"):
        remote.put(whole, "shard")
    monkeypatch.undo()
    assert remote.read("shard") == b"old"
    assert {name for name in remote.list() if not name.endswith(".partial")} == {"shard"}


def test_a_store_that_takes_less_is_told(
    remote: RemoteFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote._system, "put_file", lambda source, path: remote._system.pipe_file(path, b"x"))
    with pytest.raises(StoreError, match="shard: 1 of 3 bytes arrived"):
        remote.put(write(tmp_path / "new", b"new"), "shard")


def test_an_address_of_no_known_kind_is_told() -> None:
    with pytest.raises(StoreError, match=r"nowhere://bucket/run: .*known ones are s3, gs, file, memory"):
        RemoteFolder("nowhere://bucket/run")


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "gs", raising=False)  # as if nobody had asked
    with pytest.raises(StoreError, match=r"gs://bucket/run: its library .* pip install 'pairsmith\[gs\]'"):
        RemoteFolder("gs://bucket/run")


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_a_bucket_that_is_not_there_is_one_line(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(kind)
    with pytest.raises(StoreError, match=rf"^{kind}://other-bucket/run/one: can't be written; does the bucket"):
        RemoteFolder(f"{kind}://other-bucket/run").put(write(tmp_path / "one", b"1"), "one")


@pytest.mark.usefixtures("s3")
def test_a_server_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    try:
        with pytest.raises(StoreError, match=r"^s3://tester/away/: [^\n]*; check that the store exists"):
            RemoteFolder("s3://tester/away").list()
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
