"""Refuses requests to the viewer that its own pages, under its own name, did not send."""

import hmac
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The report draws with style sheets of its own, holds no script, and stands in a frame of ours.
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


class Guard:
    """Refuses requests under another host's name (DNS rebinding) and writes that other sites have made.

    Attributes:
        token: what a page must send to write; new for each process.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str | None = None) -> None:
        """Guard an application.

        Args:
            app: the application.
            hosts: `name:port` under which it may be asked.
            token: see `token`; by default a random one.
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
            return 421, "asked under a name that is not the viewer's"
        if method in ("GET", "HEAD"):
            return None
        if method != "POST":
            return 405, "only GET and POST"
        origin = headers.get("origin", "")
        if origin.removeprefix("http://") not in self.hosts or not origin.startswith("http://"):
            return 403, "asked by another site"
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return 403, "asked by another site"
        if not hmac.compare_digest(headers.get(TOKEN, "").encode(), self.token.encode()):
            return 403, "asked by a page that is not this viewer's; load it again"
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            return 413, "too long"
        return None
