"""A Docker engine of our own, to be stopped and filled up: nobody else's containers are in it. Needs root."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

_START_S = 60.0


class PrivateEngine:
    """A `dockerd` on a socket of its own, whose data lie on a small file system of its own.

    Attributes:
        url: for `DOCKER_HOST`.
        data: the root of its data.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare, but start nothing."""
        self._folder = folder
        self.data = folder / "data"
        self.url = f"unix://{folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            TimeoutError: if it doesn't.
        """
        command = [
            "dockerd",
            "--host",
            self.url,
            "--data-root",
            str(self.data),
            "--pidfile",
            f"{self._folder}/pid",
        ]
        command += ["--exec-root", f"{self._folder}/exec", "--bridge", "none", "--iptables=false"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(docker.errors.DockerException, OSError):
                client = docker.DockerClient(self.url)
                client.ping()
                client.close()
                return
            time.sleep(0.2)
        raise TimeoutError(f"no engine after {_START_S:.0f} s, see {self._folder}/log")

    def stop(self) -> None:
        """Stop it with all of its containers."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def load(self, image: str) -> None:
        """Copy an image from the machine's own engine."""
        theirs = docker.from_env(timeout=300)
        ours = docker.DockerClient(self.url, timeout=300)
        with tempfile.TemporaryFile() as file:
            for chunk in theirs.images.get(image).save(named=image):
                file.write(chunk)
            file.seek(0)
            ours.images.load(file)
        theirs.close()
        ours.close()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Leave no byte on its file system."""
        filler = self.data / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(1 << 20))
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(512))
        try:
            yield
        finally:
            filler.unlink()


@contextmanager
def private_engine(image: str, size_mib: int = 8192) -> Iterator[PrivateEngine]:
    """Give a started engine with one image; `DOCKER_HOST` points to it inside.

    Args:
        image: copied from the machine's own engine.
        size_mib: of its file system, which is kept in memory.
    """
    folder = Path(tempfile.mkdtemp(prefix="pairsmith-engine-"))
    engine = PrivateEngine(folder)
    engine.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", engine.data], check=True)
    before = os.environ.get("DOCKER_HOST")
    try:
        engine.start()
        engine.load(image)
        os.environ["DOCKER_HOST"] = engine.url
        yield engine
    finally:
        os.environ.pop("DOCKER_HOST", None)
        if before is not None:
            os.environ["DOCKER_HOST"] = before
        engine.stop()
        subprocess.run(["umount", "--recursive", "--lazy", engine.data], check=False)
        shutil.rmtree(folder, ignore_errors=True)
