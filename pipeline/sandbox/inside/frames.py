"""Length-prefixed frames: four bytes, big-endian, then so many bytes.

What a program's process says to the supervisor in them: a nonce, a byte, and often the name of an exception.
"""

from __future__ import annotations

import os
import struct

HEADER = struct.Struct(">I")


class BrokenFrameError(ValueError):
    """A frame is longer than allowed, or the stream ended inside one."""


def pack(payload: bytes) -> bytes:
    """Return the frame of a payload."""
    return HEADER.pack(len(payload)) + payload


def write_all(fd: int, data: bytes) -> None:
    """Write all bytes to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_exactly(fd: int, n_bytes: int) -> bytes:
    """Return so many bytes from a blocking descriptor; fewer only at its end."""
    parts = []
    while n_bytes:
        part = os.read(fd, min(n_bytes, 1 << 20))
        if not part:
            break
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def read_frame(fd: int) -> bytes | None:
    """Return the next payload from a blocking descriptor, None at its end."""
    header = read_exactly(fd, HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    payload = read_exactly(fd, length)
    return payload if len(payload) == length else None


class FrameReader:
    """Reads frames from a blocking descriptor, as many at once as there are."""

    def __init__(self, fd: int, pid: int) -> None:
        """Read nothing yet; a program ends when its first process, `pid`, does."""
        self._fd, self._pid = fd, pid
        self._bytes = b""

    def leave_if_forked(self) -> None:
        """End this process if it is a fork of the program's first one: it has nothing to answer."""
        if os.getpid() != self._pid:
            os._exit(0)

    def read(self) -> bytes | None:
        """Return the next payload, None at the end of the stream."""
        while True:
            if len(self._bytes) >= HEADER.size:
                (length,) = HEADER.unpack_from(self._bytes)
                end = HEADER.size + length
                if len(self._bytes) >= end:
                    payload, self._bytes = self._bytes[HEADER.size : end], self._bytes[end:]
                    return payload
                rest = read_exactly(self._fd, end - len(self._bytes))
                self._bytes += rest
                if len(self._bytes) < end:
                    return None
                continue
            part = os.read(self._fd, 1 << 16)
            if not part:
                return None
            self._bytes += part


class FrameBuffer:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self, max_bytes: int) -> None:
        """Refuse frames of more than `max_bytes` bytes."""
        self.max_bytes = max_bytes
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Add bytes that were read."""
        self._bytes += data

    def pop(self) -> bytes | None:
        """Return the next payload, None if it is not whole yet.

        Raises:
            BrokenFrameError: if its header asks for more than `max_bytes`.
        """
        if len(self._bytes) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(self._bytes)
        if length > self.max_bytes:
            raise BrokenFrameError("a frame of %d bytes" % length)
        if len(self._bytes) < HEADER.size + length:
            return None
        payload = bytes(self._bytes[HEADER.size : HEADER.size + length])
        del self._bytes[: HEADER.size + length]
        return payload

    def __len__(self) -> int:
        """Return how many bytes wait here."""
        return len(self._bytes)


LOADED, VALUE, RAISED, MISSING, TOO_LARGE = b"L", b"V", b"R", b"M", b"T"
ENDED = b"E"  # the child that ran on one input ended badly; then how, such as SystemExit or SIGSEGV
CALL_OUT, TESTED = b"C", b"P"  # a tester's: asks for a value, is through
NONCE_BYTES = 16
READY = b"+"  # said once, without a frame, by a process that is locked down, before it has read anything


def type_name(error: BaseException) -> bytes:
    """Return the exception type's name; SystemExit and MemoryError count with their subclasses.

    A module that is not there is named behind it: `ModuleNotFoundError.numpy`.
    """
    for known in (SystemExit, MemoryError):
        if isinstance(error, known):
            return known.__name__.encode()
    if type(error) is ModuleNotFoundError and isinstance(error.name, str):
        return b"ModuleNotFoundError." + error.name.partition(".")[0][:60].encode("ascii", "replace")
    return str(type(error).__name__)[:100].encode("ascii", "replace")
