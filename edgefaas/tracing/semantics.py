"""What spans say, by OpenTelemetry's semantic conventions; what these have no word for begins with ``edgefaas.``.

Pure. Sources: Semantic Conventions 1.30, "HTTP spans" (server, client; stable), "General attributes" (server, client,
network), "FaaS". The values of query parameters that sign a URL are left out, as the conventions have it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from edgefaas.contract import Exchange, LiveFunction
from edgefaas.message import Request
from edgefaas.site import UrlOrigin
from edgefaas.tracing.spans import Attribute, Kind, Span
from sandbox.contract import Usage

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
OTHER = "_OTHER"
REDACTED = "REDACTED"
SERVER_ERRORS = 500
CLIENT_ERRORS = 400
_SECRETS = re.compile(
    r"((?:^|&)(?:Signature|Policy|AWSAccessKeyId|sig|X-Goog-Signature|X-Amz-(?:Signature|Credential|Security-Token))=)[^&]*",
    re.IGNORECASE,
)


def without_secrets(query: str) -> str:
    """Return a query without the values that sign it."""
    return _SECRETS.sub(rf"\g<1>{REDACTED}", query)


def method_of(request: Request) -> dict[str, Attribute]:
    """Return the method's attributes: one that is not known could be any text."""
    if request.method in METHODS:
        return {"http.request.method": request.method}
    return {"http.request.method": OTHER, "http.request.method_original": request.method}


def finish_exchange(span: Span, exchange: Exchange, word: str, pop: str) -> None:
    """End the span of a request that was answered, with all that is known of it."""
    if not span.recorded:
        return
    request, status = exchange.request, exchange.status
    known = span.attributes
    known.update(method_of(request))
    route = known.get("http.route")
    method = known["http.request.method"] if request.method in METHODS else "HTTP"
    span.name = f"{method} {route}" if route else str(method)
    known["url.scheme"], known["url.path"] = request.scheme, request.path
    if request.query:
        known["url.query"] = without_secrets(request.query)
    known.update(_server(request))
    known["client.address"] = request.viewer_ip
    known["network.protocol.name"] = "http"
    known["network.protocol.version"] = request.http_version.removesuffix(".0") or request.http_version
    if request.http_version == "1.0":
        known["network.protocol.version"] = "1.0"
    if agent := request.headers.get("user-agent"):
        known["user_agent.original"] = agent
    if status:
        known["http.response.status_code"] = status
    known["http.response.body.size"] = exchange.body_bytes
    known["edgefaas.request_id"] = request.id
    if word:
        known["edgefaas.x_cache"] = word.removesuffix(" from edgefaas")
    if pop:
        known["edgefaas.pop"] = pop
    error = ""
    if exchange.aborted:
        error = "aborted"
    elif status >= SERVER_ERRORS:
        error = str(status)
    span.end(error=error)


def _server(request: Request) -> dict[str, Attribute]:
    """Return who was asked: the host that the viewer named, and the port where it is not the scheme's own."""
    try:
        parts = urlsplit(f"//{request.host}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return {}
    if not host:
        return {}
    return {"server.address": host, "server.port": port or (443 if request.scheme == "https" else 80)}


def asking(trace: Span, request: Request, origin: UrlOrigin) -> Span:
    """Return the step of ``trace`` that asks a URL origin; it begins now."""
    span = trace.child(request.method, Kind.CLIENT)
    span.attributes["edgefaas.origin"] = origin.name
    note_client(span, request, origin.url)
    return span


def note_client(span: Span, request: Request, url: str) -> None:
    """Note what is asked of whom: a request that goes to ``url``'s authority, below its path."""
    if not span.reported:
        return
    known = span.attributes
    known.update(method_of(request))
    parts = urlsplit(url)
    query = f"?{without_secrets(request.query)}" if request.query else ""
    known["url.full"] = f"{url.rstrip('/')}{request.path}{query}"
    known["server.address"] = parts.hostname or ""
    known["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)


def end_client(span: Span, status: int) -> None:
    """End the span of a request that was answered with ``status``: for who asks, 4xx is an error too."""
    span.attributes["http.response.status_code"] = status
    span.end(error=str(status) if status >= CLIENT_ERRORS else "")


@contextmanager
def ending(span: Span) -> Iterator[None]:
    """End ``span`` with the block, unless it has ended within; by the class of what the block raised, if anything."""
    try:
        yield
    except BaseException as error:
        span.end(error=type(error).__name__)
        raise
    span.end()


def note_run(span: Span, function: LiveFunction, usage: Usage) -> None:
    """Note which function ran, and what it used."""
    if not span.reported:
        return
    known = span.attributes
    known["faas.name"], known["faas.version"] = function.name, function.version
    known["faas.trigger"] = "http"
    known["edgefaas.function.cpu_us"] = usage.cpu_us
    known["edgefaas.function.wall_us"] = usage.wall_us
    known["edgefaas.function.memory_bytes"] = usage.memory_bytes
    known["edgefaas.function.host_calls"] = usage.host_calls
