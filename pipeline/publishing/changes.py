"""What a push would change: local files beside those of the remote, by content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Content = Path | bytes


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of the remote: its size in bytes, git's digest, and the content's sha256 where LFS holds it."""

    size: int
    git_oid: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths in the repository, sorted.

    Attributes:
        removed: paths of ours at the remote that are no longer made.
        unchanged: paths that are equal; they are not sent.
        n_bytes: size of what is to be sent.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    n_bytes: int

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is to be sent or removed."""
        return not (self.added or self.changed or self.removed)


def compare(local: Mapping[str, Content], remote: Mapping[str, RemoteFile], ours: tuple[str, ...]) -> Changes:
    """Return what differs.

    Args:
        local: path in the repository to the file, or its bytes.
        remote: what is there.
        ours: prefixes of what only we write: there a path that is not made any more is removed.
    """
    added = tuple(sorted(set(local) - set(remote)))
    both = sorted(set(local) & set(remote))
    unchanged = tuple(path for path in both if is_equal(local[path], remote[path]))
    changed = tuple(path for path in both if path not in set(unchanged))
    removed = tuple(sorted(path for path in set(remote) - set(local) if path.startswith(ours)))
    return Changes(added, changed, removed, unchanged, sum(size_of(local[path]) for path in (*added, *changed)))


def is_equal(content: Content, remote: RemoteFile) -> bool:
    """Return whether a local file has the bytes of a remote one."""
    if size_of(content) != remote.size:
        return False
    if remote.sha256 is not None:
        return _digest(content, "sha256", b"") == remote.sha256
    return _digest(content, "sha1", b"blob %d\0" % remote.size) == remote.git_oid


def size_of(content: Content) -> int:
    """Return the size in bytes."""
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _digest(content: Content, name: str, head: bytes) -> str:
    digest = hashlib.new(name, head, usedforsecurity=False)
    if isinstance(content, bytes):
        digest.update(content)
        return digest.hexdigest()
    with content.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
