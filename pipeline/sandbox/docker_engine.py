"""Sandboxes by Docker, one container each, without network, mounts or new privileges; and their images."""

import contextlib
import hashlib
import io
import tarfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound
from docker.types import LogConfig, Ulimit

from pairsmith.pipeline.run.lock import Owner
from pairsmith.pipeline.sandbox.bubblewrap import ENVIRONMENT
from pairsmith.pipeline.sandbox.channel import BOOTSTRAP, PYTHON_OPTIONS
from pairsmith.pipeline.sandbox.contract import SandboxError, SandboxStartError
from pairsmith.pipeline.sandbox.memory import memory_of_tree_mib
from pairsmith.pipeline.sandbox.packages import (
    BUILT,
    COMPILE,
    INSIDE,
    build_environment,
    how_to_build,
    last_error,
    tag_of,
)
from pairsmith.schemas.config import SandboxConfig

LABEL = "pairsmith.run"
OWNER = "pairsmith.owner"  # label of containers: the process that started them
_ENGINE = "pairsmith.engine"  # likewise: the engine in that process, which has one for each set of limits
# What the supervisor needs: to become the user of a program, and to end and clean up what that user left.
_CAPABILITIES = ["SETUID", "SETGID", "KILL"]
_MIB = 1 << 20


class DockerLink:
    """A running container."""

    is_multiplexed = True

    def __init__(self, container: Any, socket: Any) -> None:
        """Take over a started container and the socket attached to its three streams."""
        self._container = container
        # docker-py wraps the socket that is really open, in the response that it came with: that goes first.
        self._streams = (socket._response, socket, socket._sock)
        self.read_fd = self.write_fd = socket.fileno()

    def stop(self) -> None:
        """Kill and remove the container."""
        _remove(self._container)
        for stream in self._streams:
            with contextlib.suppress(OSError, DockerException):
                stream.close()

    def explain(self) -> str:
        """Return the container's exit code, and whether memory ran out."""
        with contextlib.suppress(DockerException, OSError, KeyError):
            self._container.reload()
            state = self._container.attrs["State"]
            return f"(exit code {state['ExitCode']}{', out of memory' if state['OOMKilled'] else ''})"
        return ""


class DockerEngine:
    """Starts sandboxes as containers of one image."""

    name = "docker"
    isolation = "uids"
    limits_tree = True

    def __init__(self, config: SandboxConfig, run_label: str) -> None:
        """Reach the engine and fix the image by its digest.

        Args:
            config: image, runtime and limits.
            run_label: value of the containers' label `pairsmith.run`; the reaper goes by it.

        Raises:
            SandboxError: if no engine answers or the image is not there. Nothing is ever pulled.
        """
        self._config = config
        self._label = run_label
        self._id = uuid.uuid4().hex
        self._client = connect()
        self._image = ""
        self._n_cpus: int = self._client.info()["NCPU"]  # it refuses more than it has
        try:
            self._image = self._client.images.get(config.image).id
            if config.packages:
                self._image = self._client.images.get(tag_of(config.packages, self._image)).id
        except ImageNotFound:
            self.close()
            how = "build it with `pairsmith sandbox build`, or set sandbox.image"
            if config.packages and self._image:
                how = f"it has no sandbox.packages: {how_to_build(config.packages)}"
            raise SandboxError(f"no Docker image {config.image!r}: {how}") from None
        self.reap()

    def start(self, hash_seed: int = 0) -> DockerLink:
        """Start one; see `Engine`."""
        container = None
        try:
            container = self._client.containers.create(
                self._image, ["python3", *PYTHON_OPTIONS, "-c", BOOTSTRAP], **self._options(hash_seed)
            )
            socket = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            container.start()
        except (DockerException, OSError) as error:
            if container is not None:
                _remove(container)
            if isinstance(error, APIError) and error.is_client_error():
                raise SandboxError(f"Docker refuses the sandbox: {error.explanation}") from None
            raise SandboxStartError(f"no container started: {error}") from None
        return DockerLink(container, socket)

    def sibling(self, config: SandboxConfig) -> "DockerEngine":
        """Return another one for other limits."""
        return DockerEngine(config, self._label)

    def close(self) -> None:
        """Remove every container that this engine started."""
        with contextlib.suppress(DockerException, OSError):
            for container in self._list(f"{_ENGINE}={self._id}"):
                _remove(container)
        self._client.close()

    def reap(self) -> None:
        """Remove containers that an earlier run of the same label left behind.

        And those of any run whose process is gone: a worker of a cluster that was killed has a label that no later
        one has. Other engines of this process may be at work under the same label: theirs stay.
        """
        here = Owner.here().to_text()
        for container in self._list(LABEL):
            owner = container.labels.get(OWNER, "")
            if owner != here and (container.labels[LABEL] == self._label or _is_orphan(owner)):
                _remove(container)

    def _list(self, label: str) -> list[Any]:
        found: list[Any] = self._client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
        return found

    def _options(self, hash_seed: int) -> dict[str, Any]:
        config = self._config
        memory = memory_of_tree_mib(config) * _MIB
        tmpfs = f"rw,nosuid,nodev,size={config.files_mib}m,nr_inodes=4096,mode=1777"
        options: dict[str, Any] = {
            "stdin_open": True,
            "network_mode": "none",
            "read_only": True,
            # Queues made in /dev/mqueue by mere open(2) would outlive their program: nobody may enter.
            "tmpfs": {
                "/tmp": tmpfs + ",exec",
                "/dev/shm": tmpfs + ",noexec",
                "/dev/mqueue": "ro,nosuid,nodev,noexec,size=4k,mode=0",
            },
            "cap_drop": ["ALL"],
            "cap_add": _CAPABILITIES,
            "security_opt": ["no-new-privileges"],
            "pids_limit": config.n_processes + 64,
            "nano_cpus": int(min(config.cpus, self._n_cpus) * 1e9),
            "mem_limit": memory,
            "memswap_limit": memory,
            "ulimits": [
                Ulimit(name="core", soft=1, hard=1),
                Ulimit(name="nofile", soft=512, hard=512),
                Ulimit(name="stack", soft=config.memory_mib * _MIB, hard=-1),
            ],
            "log_config": LogConfig(type="none"),
            "ipc_mode": "private",
            "cgroupns": "private",
            "environment": {**ENVIRONMENT, "PYTHONHASHSEED": str(hash_seed)},
            "entrypoint": "",
            "working_dir": "/tmp",
            "user": "0:0",
            "hostname": "sandbox",
            "labels": {LABEL: self._label, OWNER: Owner.here().to_text(), _ENGINE: self._id},
        }
        if config.runtime:
            options["runtime"] = config.runtime
        return options


def _remove(container: Any) -> None:
    with contextlib.suppress(DockerException, OSError):
        container.remove(force=True)


def _is_orphan(owner: str) -> bool:
    try:
        return Owner.from_text(owner).is_gone()
    except ValueError:  # of a version that told none
        return False


def connect() -> Any:
    """Return a client of the Docker engine.

    Raises:
        SandboxError: if none answers.
    """
    try:
        client = docker.from_env(timeout=60)
        client.ping()
    except (DockerException, OSError) as error:
        reason = str(error).split("(")[0].strip()
        raise SandboxError(f"the Docker engine does not answer ({reason}): start it, or use bubblewrap") from None
    return client


def label_of(folder: Path) -> str:
    """Return the container label of a run folder: the same after a crash, so that the next start reaps."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


DOCKERFILE = Path(__file__).with_name("Dockerfile")
_WITH_PACKAGES = f"""\
ARG BASE_IMAGE
FROM ${{BASE_IMAGE}}
COPY packages {INSIDE}
RUN ln -s {INSIDE}/node_modules /node_modules
RUN if [ -e {INSIDE}/{COMPILE} ]; then sh {INSIDE}/{COMPILE} >/tmp/built.tar \
    && tar -C {INSIDE} -xf /tmp/built.tar && rm -rf /tmp/built.tar /tmp/packages; fi
"""
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def build_image(base_image: str, tag: str, packages: Sequence[str] = ()) -> str:
    """Build the image and return its digest.

    Args:
        base_image: image to start from, local or pulled by the engine now (never in a run).
        tag: name that the image gets.
        packages: Debian packages to install into it; the engine must have a network for that.

    Raises:
        SandboxError: if no engine answers or the build fails.
    """
    client = connect()
    try:
        with DOCKERFILE.open("rb") as file:
            arguments = {"BASE_IMAGE": base_image, "PACKAGES": " ".join(packages)}
            network = "default" if packages else "none"
            image, _ = client.images.build(
                fileobj=file, tag=tag, buildargs=arguments, rm=True, forcerm=True, network_mode=network
            )
        return str(image.id)
    except (BuildError, APIError, DockerException) as error:
        raise SandboxError(
            f"no image can be built from {base_image!r}: {error}; choose another with --base-image"
        ) from None
    finally:
        client.close()


def add_packages(image: str, packages: Sequence[str]) -> tuple[str, Path]:
    """Build the image that has packages beside what another has; return its name and the packages' folder.

    Raises:
        SandboxError: if no engine answers, the other image or a package is not there, or the build fails.
    """
    client = connect()
    try:
        base = str(client.images.get(image).id)
        version = client.containers.run(
            base, ["python3", "-Sc", _VERSION], entrypoint="", network_mode="none", remove=True
        )
        folder = build_environment(packages, version.decode().strip())
        tag = tag_of(packages, base)
        with io.BytesIO() as context:
            with tarfile.open(fileobj=context, mode="w") as tar:
                tar.add(folder, "packages", filter=lambda row: None if row.name == f"packages/{BUILT}" else row)
                row = tarfile.TarInfo("Dockerfile")
                row.size = len(_WITH_PACKAGES)
                tar.addfile(row, io.BytesIO(_WITH_PACKAGES.encode()))
            context.seek(0)
            arguments = {"BASE_IMAGE": base}
            client.images.build(
                fileobj=context, custom_context=True, tag=tag, buildargs=arguments, rm=True, forcerm=True,
                network_mode="none",
            )  # fmt: skip
    except ImageNotFound:
        raise SandboxError(
            f"no Docker image {image!r} to add packages to: run `pairsmith sandbox build`"
        ) from None
    except BuildError as error:
        told = last_error("".join(row.get("stream", "") for row in error.build_log)) or error
        raise SandboxError(f"no image with {', '.join(packages)}: {told}") from None
    except DockerException as error:
        raise SandboxError(f"no image with {', '.join(packages)}: {error}") from None
    else:
        return tag, folder
    finally:
        client.close()
