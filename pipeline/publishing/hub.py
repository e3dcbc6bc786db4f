"""Pushes files to a repository of the Hub: one commit and one tag, only what differs, whatever was cut before."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash

from pairsmith.pipeline.run.errors import InfrastructureError, PairsmithError

Content = Path | bytes
Kind = Literal["dataset", "model"]
_TOKEN = "set a token with write access by `hf auth login` or HF_TOKEN"
_AGAIN = "run the same command again; it does not resend files that arrived"


class PublishError(PairsmithError):
    """The Hub refuses, or must not be given this."""


class HeldBackError(PublishError):
    """The gate marked what was to be published."""


class HubDownError(PublishError, InfrastructureError):
    """The Hub can't be reached or broke off: the same push may go well later."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of the remote: its size in bytes, git's digest, and the content's sha256 where LFS holds it."""

    size: int
    git_oid: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths in the repository, sorted."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]  # paths of ours at the remote that are no longer made
    unchanged: tuple[str, ...]  # paths that are equal; they are not sent
    n_bytes: int  # size of what is to be sent

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is to be sent or removed."""
        return not (self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository of the Hub in its current state."""

    repo: str
    kind: Kind
    head: str  # the newest commit; empty where the repository is still to be made
    files: Mapping[str, RemoteFile]  # path to what is there
    tags: Mapping[str, str]  # name to commit
    is_known: bool = True  # False where the Hub did not answer


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did; `commit` is the one that the tag names."""

    repo: str
    kind: Kind
    tag: str
    commit: str
    changes: Changes


def look(api: HfApi, repo: str, kind: Kind) -> Remote:
    """Return the current state of a repository; an empty one if there is none.

    Raises:
        HubDownError: if the Hub can't be reached.
        PublishError: if it refuses.
    """
    try:
        head = str(api.repo_info(repo, repo_type=kind).sha)
        entries = api.list_repo_tree(repo, recursive=True, revision=head, repo_type=kind)
        files = _remote_files(entries)
        tags = {ref.name: ref.target_commit for ref in api.list_repo_refs(repo, repo_type=kind).tags}
    except RepositoryNotFoundError:
        return Remote(repo, kind, "", {}, {})
    except Exception as error:
        raise _as_publish_error(repo, error) from None
    return Remote(repo, kind, head, files, tags)


def push(
    api: HfApi, remote: Remote, local: Mapping[str, Content], ours: tuple[str, ...], tag: str, private: bool
) -> Pushed:
    """Bring a repository to the state of the local files by one commit, and tag it. Equal files are kept.

    Where a push was cut, the same call goes on: files that have arrived are known by their content, and a commit
    that lacks its tag gets it.

    Args:
        remote: the repository, as `look` returned it just now.
        tag: the version; one that is there must name the same files.

    Raises:
        HubDownError: if the Hub can't be reached.
        PublishError: if it refuses, somebody else committed meanwhile, or the tag is taken.
    """
    changes = compare(local, remote.files, ours)
    try:
        if tag in remote.tags:
            _check_tag(api, remote, local, ours, tag)
            return Pushed(remote.repo, remote.kind, tag, remote.tags[tag], Changes((), (), (), tuple(local), 0))
        head = remote.head
        if not head:
            api.create_repo(remote.repo, repo_type=remote.kind, private=private, exist_ok=True)
            head = str(api.repo_info(remote.repo, repo_type=remote.kind).sha)
        if not changes.is_empty:
            operations: list[CommitOperationAdd | CommitOperationDelete] = [
                *(CommitOperationAdd(path, local[path]) for path in (*changes.added, *changes.changed)),
                *(CommitOperationDelete(path) for path in changes.removed),
            ]
            head = api.create_commit(
                remote.repo, operations, commit_message=tag, repo_type=remote.kind, parent_commit=head
            ).oid
        api.create_tag(remote.repo, tag=tag, revision=head, repo_type=remote.kind)
    except PublishError:
        raise
    except Exception as error:
        raise _as_publish_error(remote.repo, error) from None
    return Pushed(remote.repo, remote.kind, tag, head, changes)


def compare(local: Mapping[str, Content], remote: Mapping[str, RemoteFile], ours: tuple[str, ...]) -> Changes:
    """Return what differs.

    Args:
        local: path in the repository to the file, or its bytes.
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
    data = content if isinstance(content, bytes) else content.read_bytes()
    if remote.sha256 is not None:
        return hashlib.sha256(data).hexdigest() == remote.sha256
    return git_hash(data) == remote.git_oid


def size_of(content: Content) -> int:
    """Return the size in bytes."""
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _check_tag(api: HfApi, remote: Remote, local: Mapping[str, Content], ours: tuple[str, ...], tag: str) -> None:
    entries = api.list_repo_tree(remote.repo, recursive=True, revision=remote.tags[tag], repo_type=remote.kind)
    if not compare(local, _remote_files(entries), ours).is_empty:
        raise PublishError(f"{remote.repo}: the tag {tag} already has other files; choose another one with --tag")


def _remote_files(entries: Iterable[object]) -> dict[str, RemoteFile]:
    return {
        entry.path: RemoteFile(entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
        for entry in entries
        if isinstance(entry, RepoFile)
    }


def _as_publish_error(repo: str, error: BaseException) -> PublishError:
    """Return what ended a talk with the Hub in one line; what it answers never holds the token."""
    if isinstance(error, LocalTokenNotFoundError):
        return PublishError(f"{repo}: no token; {_TOKEN}")
    if isinstance(error, HFValidationError):
        return PublishError(f"{repo}: not a repository name; write it as owner/name")
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        status = error.response.status_code
        if status in (401, 403):
            return PublishError(f"{repo}: the Hub refuses ({status}); {_TOKEN}")
        if status == 412:
            return PublishError(f"{repo}: another commit was made meanwhile; {_AGAIN}")
        if status < 500 and status != 429:
            words = str(error).strip().splitlines()[-1]
            return PublishError(f"{repo}: the Hub refuses ({status}): {words}")
        return HubDownError(f"{repo}: the Hub answers {status}; {_AGAIN}")
    if isinstance(error, RuntimeError) and error.__cause__ is not None:  # of an upload in a thread
        return _as_publish_error(repo, error.__cause__)
    # httpx or httpx2, as the version of huggingface_hub has it.
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0].startswith("http"):
        return HubDownError(f"{repo}: no connection to the Hub ({type(error).__name__}); {_AGAIN}")
    raise error
