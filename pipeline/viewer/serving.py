"""Serves the viewer on one address of this machine, and refuses requests that its own pages did not send."""

import hmac
import secrets
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pairsmith.pipeline.run import AddressError, is_loopback, listen
from pairsmith.pipeline.viewer.pages import make_app

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The report draws with style sheets of its own, holds no script, and is in a frame of ours.
_REPORT_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LARGEST_BODY = 4096  # bytes of a mark
REPORT = "/report"
TOKEN = "X-Pairsmith-Token"  # a header that no form and no other site can send
"""Header that every request with an effect must carry."""


def serve(run: Path, host: str, port: int, log: Callable[[str], None]) -> None:
    """Serve the viewer of a run until the process is stopped.

    Args:
        host: address to listen on; one that is not loopback lets everybody read and mark who reaches it.
        port: 0 takes a free one.
        log: prints a line: the address, and a warning where it is not loopback.

    Raises:
        AddressError: if the address is none of this machine, is every address, or is taken.
        NoPairError: if the run has neither pairs nor problems.
    """
    app = make_app(run)
    listener = open_listener(host, port)
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    guarded = Guard(app, allowed_hosts(host, port))
    log(f"viewer of {run}: http://{shown}:{port}/ (Ctrl-C ends it)")
    if not is_loopback(host):
        log(f"warning: everyone who can reach {shown} can read this run and mark its pairs")
    config = uvicorn.Config(guarded, log_level="warning", access_log=False, server_header=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        AddressError: see `serve`.
    """
    if host in ("", "0.0.0.0", "::"):
        raise AddressError(
            f"--host {host or '(empty)'}: give one address; the viewer answers only under that name"
        )
    return listen(host, port)


def allowed_hosts(host: str, port: int) -> set[str]:
    """Return the names under which a viewer may be asked: its address, and `localhost` on loopback."""
    names = {f"[{host}]" if ":" in host else host} | ({"localhost"} if is_loopback(host) else set())
    return {f"{name}:{port}" for name in names} | (names if port == 80 else set())


class Guard:
    """Refuses requests under another host's name (DNS rebinding) and writes that other sites have made.

    Attributes:
        token: what a page must send to write; new for each process.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str | None = None) -> None:
        """Guard an application.

        Args:
            hosts: `name:port` under which it may be asked.
        """
        self.app = app
        self.hosts = frozenset(hosts)
        self.token = token or secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _REPORT_CSP if scope["path"] == REPORT else _CSP
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        if refusal is not None:
            status, reason = refusal
            await PlainTextResponse(reason, status)(scope, receive, send_guarded)
            return
        scope["pairsmith_token"] = self.token
        await self.app(scope, receive, send_guarded)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        if headers.get("host", "") not in self.hosts:
            return 421, "the request has another host name than the viewer"
        if method in ("GET", "HEAD"):
            return None
        if method != "POST":
            return 405, "only GET and POST"
        origin = headers.get("origin", "")
        if origin.removeprefix("http://") not in self.hosts or not origin.startswith("http://"):
            return 403, "the request comes from another site"
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return 403, "the request comes from another site"
        if not hmac.compare_digest(headers.get(TOKEN, "").encode(), self.token.encode()):
            return 403, "the page is not of this viewer process; reload it"
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            return 413, "too long"
        return None
