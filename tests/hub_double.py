"""A Hugging Face Hub on loopback, small enough to read, that `huggingface_hub` and `datasets` really talk to.

Repositories live in memory. What goes through the wire is the Hub's own protocol: create, preupload, LFS batch and
upload, commit as JSON lines, tags, tree, resolve with ranges. Not covered: Xet (clients set HF_HUB_DISABLE_XET),
branches, pull requests, pages of long listings.
"""

import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_" + "t0ken" * 7
_DATE = "2026-01-01T00:00:00.000Z"
_LARGE = (".parquet", ".safetensors", ".png")


@dataclass(frozen=True)
class File:
    data: bytes
    is_lfs: bool

    @property
    def oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class Repo:
    """One repository: commits from the oldest, tags by name."""

    kind: str
    name: str
    private: bool
    commits: list[tuple[str, str, dict[str, File]]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, title: str, files: dict[str, File]) -> str:
        seed = f"{self.kind}{self.name}{len(self.commits)}{title}"
        oid = hashlib.sha1(seed.encode()).hexdigest()
        self.commits.append((oid, title, files))
        return oid

    @property
    def head(self) -> str:
        return self.commits[-1][0]

    def resolve(self, revision: str) -> str | None:
        revision = revision.removeprefix("refs/heads/")
        oid = self.head if revision == "main" else self.tags.get(revision, revision)
        return oid if any(oid == one for one, *_ in self.commits) else None

    def files(self, oid: str) -> dict[str, File]:
        return next(files for one, _, files in self.commits if one == oid)


class Hub:
    """The server's state, and what tests ask of it.

    Attributes:
        sent: paths and digests of file contents that clients sent, in order.
        cut_after: bytes of the next upload until the connection is cut; None for no cut. Stays until it is reset.
    """

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.sent: list[str] = []
        self.seen: list[str] = []
        self.cut_after: int | None = None
        self.lock = threading.RLock()
        self.url = ""

    def repo(self, name: str, kind: str = "dataset") -> Repo:
        return self.repos[kind, name]

    def add_model(self, name: str, files: dict[str, bytes]) -> None:
        repo = self.repos["model", name] = Repo("model", name, private=False)
        repo.commit("a model", {path: File(data, is_lfs=False) for path, data in files.items()})

    def take_sent(self) -> list[str]:
        sent, self.sent = self.sent, []
        return sent


@contextlib.contextmanager
def serve_hub() -> Iterator[Hub]:
    """Serve an empty Hub on a free port of loopback."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class RefusedError(Exception):
    """A request that ends with an error of the Hub's form."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass  # tests read what they need from `seen`

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        self.hub.seen.append(f"{self.command} {url.path}")
        try:
            body = self.read_body()
            with self.hub.lock:
                self.route(url.path, parse_qs(url.query), body)
        except RefusedError as error:
            headers = {"X-Error-Code": error.code, "X-Error-Message": error.words}
            self.answer({"error": error.words}, error.status, headers)
        except ConnectionAbortedError:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self.read_chunks())
        left = int(self.headers.get("Content-Length") or 0)
        cut = self.hub.cut_after
        if self.command == "PUT" and cut is not None and left > cut:
            self.rfile.read(cut)
            raise ConnectionAbortedError
        return self.rfile.read(left)

    def read_chunks(self) -> Iterator[bytes]:
        n_read = 0
        while size := int(self.rfile.readline(), 16):
            n_read += size
            if self.hub.cut_after is not None and n_read > self.hub.cut_after:
                raise ConnectionAbortedError
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def answer(self, tree: Any = None, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.answer_bytes(
            json.dumps(tree).encode(), status, {"Content-Type": "application/json", **(headers or {})}
        )

    def answer_bytes(self, data: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def route(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        for pattern, method in ROUTES:
            found = re.fullmatch(pattern, path)
            if found:
                getattr(self, method)(query, body, *(unquote(part or "") for part in found.groups()))
                return
        raise RefusedError(404, "NotFound", f"no route {path}")

    # Routes: each takes the query, the body, and the groups of its pattern.

    def validate_yaml(self, query: object, body: bytes) -> None:
        self.answer({"errors": [], "warnings": []})

    def whoami(self, query: object, body: bytes) -> None:
        self.require_token()
        self.answer({"type": "user", "name": "tester", "orgs": [], "auth": {"accessToken": {"role": "write"}}})

    def create(self, query: object, body: bytes) -> None:
        self.require_token()
        asked = json.loads(body)
        kind, name = asked.get("type") or "model", f"{asked.get('organization') or 'tester'}/{asked['name']}"
        prefix = "" if kind == "model" else f"{kind}s/"
        url = f"{self.hub.url}/{prefix}{name}"
        if (kind, name) in self.hub.repos:
            return self.answer({"error": "You already created this repo", "url": url}, 409)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        repo = self.hub.repos[kind, name] = Repo(kind, name, private)
        repo.commit("initial commit", {".gitattributes": File(b"*.parquet filter=lfs\n", is_lfs=False)})
        return self.answer({"url": url, "id": name, "name": name})

    def lfs_batch(self, query: object, body: bytes, kind: str, name: str) -> None:
        self.require_token()
        objects = []
        for one in json.loads(body)["objects"]:
            href = f"{self.hub.url}/_lfs/{one['oid']}"
            actions = (
                {} if one["oid"] in self.hub.objects else {"actions": {"upload": {"href": href, "header": {}}}}
            )
            objects.append({"oid": one["oid"], "size": one["size"], **actions})
        self.answer({"transfer": "basic", "objects": objects})

    def lfs_put(self, query: object, body: bytes, oid: str) -> None:
        assert hashlib.sha256(body).hexdigest() == oid, "a broken upload"
        self.hub.objects[oid] = body
        self.hub.sent.append(oid)
        self.answer()

    def info(self, query: object, body: bytes, kind: str, name: str, revision: str = "main") -> None:
        repo, oid = self.find(kind, name, revision)
        paths = sorted(repo.files(oid))
        dates = {"lastModified": _DATE, "createdAt": _DATE}
        flags = {
            "private": repo.private,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
        }
        siblings = [{"rfilename": path} for path in paths]
        self.answer({"_id": "0", "id": name, "author": "tester", "sha": oid, "siblings": siblings} | dates | flags)

    def refs(self, query: object, body: bytes, kind: str, name: str) -> None:
        repo, _ = self.find(kind, name)
        tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": oid} for tag, oid in repo.tags.items()]
        branches = [{"name": "main", "ref": "refs/heads/main", "targetCommit": repo.head}]
        self.answer({"branches": branches, "tags": tags, "converts": []})

    def tag(self, query: object, body: bytes, kind: str, name: str, revision: str) -> None:
        self.require_token()
        repo, oid = self.find(kind, name, revision)
        tag = json.loads(body)["tag"]
        if tag in repo.tags:
            raise RefusedError(409, "Conflict", "Tag reference exists already")
        repo.tags[tag] = oid
        self.answer({}, 201)

    def preupload(self, query: object, body: bytes, kind: str, name: str, revision: str) -> None:
        self.require_token()
        repo, oid = self.find(kind, name, revision)
        there = repo.files(oid)
        rows = []
        for one in json.loads(body)["files"]:
            path, is_lfs = one["path"], one["path"].endswith(_LARGE)
            file = there.get(path)
            known = (file.sha256 if file.is_lfs else file.oid) if file else None
            mode = "lfs" if is_lfs else "regular"
            rows.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": known})
        self.answer({"files": rows, "commitOid": oid})

    def commit(self, query: object, body: bytes, kind: str, name: str, revision: str) -> None:
        self.require_token()
        repo, oid = self.find(kind, name, revision)
        files, title = dict(repo.files(oid)), ""
        for line in body.splitlines():
            part = json.loads(line)
            value = part["value"]
            match part["key"]:
                case "header":
                    title = value["summary"]
                    if value.get("parentCommit", oid) != oid:
                        raise RefusedError(412, "PreconditionFailed", "A commit has happened since.")
                case "file":
                    files[value["path"]] = File(base64.b64decode(value["content"]), is_lfs=False)
                    self.hub.sent.append(value["path"])
                case "lfsFile":
                    files[value["path"]] = File(self.hub.objects[value["oid"]], is_lfs=True)
                case "deletedFile":
                    del files[value["path"]]
        made = repo.commit(title, files)
        url = f"{self.hub.url}/{kind}/{name}/commit/{made}"
        self.answer({"success": True, "commitOid": made, "commitUrl": url, "hookOutput": ""})

    def tree(
        self, query: dict[str, list[str]], body: bytes, kind: str, name: str, revision: str, path: str
    ) -> None:
        repo, oid = self.find(kind, name, revision)
        under = f"{path.strip('/')}/" if path.strip("/") else ""
        files = {key: file for key, file in repo.files(oid).items() if key.startswith(under)}
        if under and not files:
            raise RefusedError(404, "EntryNotFound", "no such folder")
        is_recursive = query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries: dict[str, dict[str, Any]] = {}
        for key, file in sorted(files.items()):
            parts = key.removeprefix(under).split("/")
            for depth in range(1, len(parts) if is_recursive else min(len(parts), 2)):
                folder = under + "/".join(parts[:depth])
                entries[folder] = {"type": "directory", "oid": "0" * 40, "size": 0, "path": folder}
            if is_recursive or len(parts) == 1:
                entries[key] = entry_of(key, file)
        self.answer(list(entries.values()))

    def paths_info(self, query: object, body: bytes, kind: str, name: str, revision: str) -> None:
        repo, oid = self.find(kind, name, revision)
        files = repo.files(oid)
        asked = json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode()).get("paths", [])
        self.answer([entry_of(path, files[path]) for path in asked if path in files])

    def download(self, query: object, body: bytes, kind: str, name: str, revision: str, path: str) -> None:
        repo, oid = self.find((kind or "models/").rstrip("/"), name, revision)
        file = repo.files(oid).get(path)
        if file is None:
            raise RefusedError(404, "EntryNotFound", "Entry not found")
        tag = file.sha256 if file.is_lfs else file.oid
        headers = {"ETag": f'"{tag}"', "X-Repo-Commit": oid, "Accept-Ranges": "bytes"}
        if file.is_lfs:
            headers |= {"X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(len(file.data))}
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            return self.answer_bytes(file.data, 200, headers)
        size = len(file.data)
        first = int(asked[1]) if asked[1] else size - int(asked[2])
        last = min(int(asked[2]), size - 1) if asked[1] and asked[2] else size - 1
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return self.answer_bytes(file.data[first : last + 1], 206, headers)

    def find(self, kind: str, name: str, revision: str = "main") -> tuple[Repo, str]:
        repo = self.hub.repos.get((kind.removesuffix("s"), name))
        if repo is None or (repo.private and not self.has_token()):
            raise RefusedError(404, "RepoNotFound", "Repository not found")
        oid = repo.resolve(revision)
        if oid is None:
            raise RefusedError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repo, oid

    def has_token(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def require_token(self) -> None:
        if not self.has_token():
            raise RefusedError(401, "Unauthorized", "Invalid username or password.")


def entry_of(path: str, file: File) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": file.oid, "size": len(file.data), "path": path}
    if file.is_lfs:
        entry["lfs"] = {"oid": file.sha256, "size": len(file.data), "pointerSize": 130}
    return entry


_API = r"/api/(datasets|models)/([^/]+/[^/]+)"
_NAME = r"/(datasets/|)((?!api/)[^/]+/[^/]+?)"
ROUTES = (
    (r"/api/validate-yaml", "validate_yaml"),
    (r"/api/whoami-v2", "whoami"),
    (r"/api/repos/create", "create"),
    (r"/_lfs/([0-9a-f]{64})", "lfs_put"),
    (_NAME + r"\.git/info/lfs/objects/batch", "lfs_batch"),
    (_API, "info"),
    (_API + r"/revision/([^/]+)", "info"),
    (_API + r"/refs", "refs"),
    (_API + r"/tag/([^/]+)", "tag"),
    (_API + r"/preupload/([^/]+)", "preupload"),
    (_API + r"/commit/([^/]+)", "commit"),
    (_API + r"/tree/([^/]+)(/.*)?", "tree"),
    (_API + r"/paths-info/([^/]+)", "paths_info"),
    (_NAME + r"/resolve/([^/]+)/(.+)", "download"),
)
