"""Serve the page's files. Nobody needs a token for them: there is nothing in them that the wheel does not hold.

What they may do is said here, by headers: only what this port serves is loaded, nothing is run that stands inside the
page, no text becomes markup (Trusted Types), and no other page may frame it.
Sources: Content Security Policy Level 3; RFC 9110, 13.1.2.
"""

from hashlib import sha256
from pathlib import Path
from typing import Protocol

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",  # asked for each time, and mostly answered 304: an upgrade shows at once
}


class NotFound(Protocol):
    """Answers what is not there, in the API's own words."""

    async def __call__(self, request: Request) -> Response:
        """Return a 404."""
        ...


def console_routes(not_found: NotFound) -> list[BaseRoute]:
    """Return the page at ``/ui/``, and the way there from ``/ui`` and, for browsers, from ``/``."""

    async def root(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/ui/", status_code=307)
        return await not_found(request)

    async def without_slash(_: Request) -> Response:
        return RedirectResponse("/ui/", status_code=307)

    files = {path.name: _File(path) for path in sorted(STATIC.iterdir()) if path.suffix in MEDIA_TYPES}
    routes: list[BaseRoute] = [Route("/", root), Route("/ui", without_slash)]
    for name, file in files.items():
        routes.append(Route(f"/ui/{'' if name == 'index.html' else name}", file.respond))
    return routes


class _File:
    """One file, read once."""

    def __init__(self, path: Path) -> None:
        self._body = path.read_bytes()
        self._tag = f'"{sha256(self._body).hexdigest()[:32]}"'
        self._media_type = MEDIA_TYPES[path.suffix]

    async def respond(self, request: Request) -> Response:
        """Answer a GET or HEAD."""
        headers = {**HEADERS, "ETag": self._tag}
        if self._tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self._body, headers=headers, media_type=self._media_type)
