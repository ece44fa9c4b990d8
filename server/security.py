"""ASGI middleware between the world and the routes: who may call, how much they may send, what browsers may do.

The service listens on loopback without a password, so two attacks come through the user's own browser: a page
elsewhere that posts forms here (stopped by Origin and Sec-Fetch-Site), and a name elsewhere that suddenly resolves
to 127.0.0.1 (stopped by the Host check).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.codes import FOREIGN_HOST, FOREIGN_ORIGIN, INVALID_REQUEST, TOO_LARGE
from server.errors import Problem
from server.settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the component library writes its theme into a style element
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
# For what a compilation produced: no scripts, no origin of ours, nothing from outside.
ARTIFACT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"

HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Host, origin and size checks before a route runs; headers on every answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            headers = Headers(scope=scope)
            check_host(headers, self.settings)
            check_origin(scope["method"], headers, self.settings)
            limit = int(self.settings.max_upload)
            check_declared_length(headers, limit)
        except Problem as problem:
            await problem.response()(scope, receive, guarded)
            return
        await self.app(scope, counted(receive, limit), guarded)


def check_host(headers: Headers, settings: Settings) -> None:
    """Only the names by which this service is known; a rebound DNS name is not one of them."""
    if "*" in settings.allowed_hosts:
        return
    host = host_name(headers.get("host", ""))
    if host not in LOOPBACK and host not in settings.allowed_hosts:
        raise Problem(
            421, FOREIGN_HOST, f"this service is not known as {host[:100]!r}", where="Host",
            help="Call it as localhost, or name the host in DEEPMETAL_ALLOWED_HOSTS.",
        )  # fmt: skip


def check_origin(method: str, headers: Headers, settings: Settings) -> None:
    """A request that changes something must not come from another site's page. Programs send neither header."""
    if method in SAFE:
        return
    origin = headers.get("origin")
    if origin is not None and origin in settings.allowed_origins:
        return
    foreign = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    if foreign or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Problem(
            403, FOREIGN_ORIGIN, "a page of another site may not change anything here", where="Origin",
            facts={"origin": (origin or "")[:200]},
            help="If the page is yours, name its origin in DEEPMETAL_ALLOWED_ORIGINS.",
        )  # fmt: skip


def check_declared_length(headers: Headers, limit: int) -> None:
    declared = headers.get("content-length")
    if declared is None:
        return
    if not (declared.isascii() and declared.isdigit()):
        raise Problem(400, INVALID_REQUEST, "Content-Length is no number", where="Content-Length")
    if int(declared) > limit:
        raise too_large(limit)


def counted(receive: Receive, limit: int) -> Receive:
    """The same stream, which ends in 413 once it is longer than allowed, whatever its header said."""
    seen = 0

    async def receive_counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise too_large(limit)
        return message

    return receive_counted


def too_large(limit: int) -> Problem:
    return Problem(
        413, TOO_LARGE, f"the request is larger than {limit} bytes", facts={"limit": str(limit)},
        help="Upload a smaller model, or raise DEEPMETAL_MAX_UPLOAD.", headers={"Connection": "close"},
    )  # fmt: skip


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")
