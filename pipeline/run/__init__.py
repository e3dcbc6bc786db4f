"""The run folder and what every room needs of the machine: its files, its locks, an address to listen on."""

import ipaddress
import socket
from pathlib import Path

from pairsmith.pipeline.run.errors import PairsmithError


class MissingFilesError(PairsmithError):
    """Files that belong to pairsmith are not there."""


def packaged_folder(name: str, in_checkout: str) -> Path:
    """Return a folder of files that come with pairsmith.

    Args:
        name: its name under `pairsmith/shipped` (see `force-include` in pyproject.toml).
        in_checkout: its path from the root of a checkout.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package / in_checkout, package / "shipped" / name):
        if folder.is_dir():
            return folder
    raise MissingFilesError(f"{package}: {name} is missing; install pairsmith again from a complete wheel")


class AddressError(PairsmithError):
    """Nothing can be served there."""


def listen(host: str, port: int, backlog: int | None = None) -> socket.socket:
    """Return a socket that listens at an address of this machine.

    Args:
        port: 0 takes a free one.
        backlog: connections that wait to be taken; None leaves listening to the server.

    Raises:
        AddressError: the address is none of this machine, or taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio turns off Nagle's waiting (40 ms a page) only for such ones.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        if backlog is not None:
            listener.listen(backlog)
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise AddressError(f"{host}:{port}: {reason}; give another address, or port 0 for any") from None
    return listener


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
