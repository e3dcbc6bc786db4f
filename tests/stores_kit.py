"""Stores for tests: one in memory, one in a folder, and a server on loopback that speaks S3."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import httpx
import pytest

BUCKET = "tester"
KINDS = ("memory", "file", "s3")


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Serve S3 on loopback, with one bucket; give the variables by which clients find it."""
    if not all(map(importlib.util.find_spec, ("moto", "s3fs", "flask"))):
        pytest.skip("needs moto[server] and s3fs")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url, quiet = f"http://127.0.0.1:{port}", subprocess.DEVNULL
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        _make_bucket(url, server)
        found = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "not a secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        with mock.patch.dict(os.environ, found):
            yield found
    finally:
        server.kill()
        server.wait()


def new_address(kind: str, folder: object) -> str:
    """Return the address of a folder that nobody has used."""
    name = uuid.uuid4().hex[:12]
    return {
        "memory": f"memory://runs/{name}",
        "file": f"file://{folder}/store/{name}",
        "s3": f"s3://{BUCKET}/runs/{name}",
    }[kind]


def _make_bucket(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, "the S3 server ended"
        try:
            if httpx.put(f"{url}/{BUCKET}", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError("the S3 server does not answer")
