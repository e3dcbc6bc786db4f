"""Serves the viewer on one address of this machine, and refuses requests that its own pages did not send."""

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.viewer.pages import make_app
from pairsmith.pipeline.viewer.serving import Guard


class AddressError(PairsmithError):
    """The viewer can't be served there."""


def serve(run: Path, host: str, port: int, log: Callable[[str], None]) -> None:
    """Serve the viewer of a run until the process is stopped.

    Args:
        run: run folder.
        host: address to listen on; one that is not loopback lets everybody read and mark who reaches it.
        port: 0 takes a free one.
        log: prints a line: the address, and a warning where it is not loopback.

    Raises:
        AddressError: if the address is none of this machine, is every address, or is taken.
        NoPairError: if the run has no pairs.
    """
    app = make_app(run)
    listener = open_listener(host, port)
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    guarded = Guard(app, allowed_hosts(host, port))
    log(f"viewer of {run}: http://{shown}:{port}/ (Ctrl-C ends it)")
    if not is_loopback(host):
        log(f"careful: everybody who reaches {shown} can read this run and mark its pairs")
    config = uvicorn.Config(guarded, log_level="warning", access_log=False, server_header=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        AddressError: see `serve`.
    """
    if host in ("", "0.0.0.0", "::"):
        raise AddressError(
            f"--host {host or '(empty)'}: name one address; pages are answered under that name alone"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio turns off Nagle's waiting (40 ms a page) only for such ones.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressError(
            f"{host}:{port}: {error.strerror or error}; give another --port, or 0 for any"
        ) from None
    return listener


def allowed_hosts(host: str, port: int) -> set[str]:
    """Return the names under which a viewer may be asked: its address, and `localhost` on loopback."""
    names = {f"[{host}]" if ":" in host else host} | ({"localhost"} if is_loopback(host) else set())
    return {f"{name}:{port}" for name in names} | (names if port == 80 else set())


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
