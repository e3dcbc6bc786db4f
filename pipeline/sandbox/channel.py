"""The host's end of a sandbox's pipe: JSON frames both ways, never blocked by the other side."""

import json
import os
import select
import struct
import time
from typing import Any

from pairsmith.pipeline.sandbox.contract import Link, SandboxFaultError
from pairsmith.pipeline.sandbox.inside.frames import BrokenFrameError, FrameBuffer, pack

_CHUNK = 1 << 16
_DOCKER_HEADER = struct.Struct(">BxxxI")  # stream (1 stdout, 2 stderr), length


class Channel:
    """Frames to and from one sandbox."""

    def __init__(self, link: Link, max_frame_bytes: int) -> None:
        """Take over a link's descriptors."""
        self._link = link
        self._frames = FrameBuffer(max_frame_bytes)
        self._pending = bytearray()
        self._raw = bytearray()
        for fd in {link.read_fd, link.write_fd}:
            os.set_blocking(fd, False)

    def send_bytes(self, data: bytes) -> None:
        """Queue bytes; they leave while `receive` waits."""
        self._pending += data

    def send(self, message: dict[str, Any]) -> None:
        """Queue one message."""
        self._pending += pack(json.dumps(message).encode())

    def receive(self, limit_s: float) -> dict[str, Any]:
        """Return the next message.

        Raises:
            SandboxFaultError: if none came in time, the pipe broke or the frame did.
        """
        deadline = time.monotonic() + limit_s
        while True:
            try:
                payload = self._frames.pop()
                if payload is not None:
                    message: dict[str, Any] = json.loads(payload)
                    return message
            except (BrokenFrameError, ValueError, RecursionError) as error:
                raise SandboxFaultError(f"the sandbox sent a broken frame: {error}") from None
            left = deadline - time.monotonic()
            if left <= 0:
                raise SandboxFaultError(f"no answer from the sandbox in {limit_s:.0f} s")
            self._turn(left)

    def _turn(self, limit_s: float) -> None:
        poll = select.poll()
        poll.register(self._link.read_fd, select.POLLIN)
        if self._pending:
            both = self._link.read_fd == self._link.write_fd
            poll.register(self._link.write_fd, select.POLLOUT | (select.POLLIN if both else 0))
        events = poll.poll(limit_s * 1000 + 1)
        try:
            for fd, event in events:
                if event & select.POLLNVAL:
                    raise SandboxFaultError("the sandbox was stopped")
                if fd == self._link.write_fd and event & (select.POLLOUT | select.POLLERR):
                    del self._pending[: os.write(fd, self._pending[:_CHUNK])]
                if fd == self._link.read_fd and event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                    self._read()
        except BlockingIOError:
            return
        except OSError as error:
            raise SandboxFaultError(
                f"the sandbox's pipe broke ({error.strerror}) {self._link.explain()}"
            ) from None

    def _read(self) -> None:
        data = os.read(self._link.read_fd, _CHUNK)
        if not data:
            raise SandboxFaultError(f"the sandbox ended {self._link.explain()}".rstrip())
        if self._link.is_multiplexed:
            self._raw += data
            self._demultiplex()
        else:
            self._frames.feed(data)

    def _demultiplex(self) -> None:
        """Take Docker's stream headers off; what comes on stderr is the sandbox's own trouble."""
        while len(self._raw) >= _DOCKER_HEADER.size:
            stream, length = _DOCKER_HEADER.unpack_from(self._raw)
            end = _DOCKER_HEADER.size + length
            if len(self._raw) < end:
                return
            body = bytes(self._raw[_DOCKER_HEADER.size : end])
            del self._raw[:end]
            if stream != 1:
                raise SandboxFaultError(
                    f"the sandbox complained: {body.decode('utf-8', 'replace').strip()[-300:]}"
                )
            self._frames.feed(body)
