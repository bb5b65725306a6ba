"""How a request enters its behaviour: refused, redirected, or made ready for functions and cache.

Decided before any function runs, as CloudFront does: methods, plain HTTP, signed URLs and cookies; then the
location and device fields that the behaviour asks for. Pure: the instant and the look-up are arguments.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edgefaas.cache import XCache
from edgefaas.location_headers import ViewerLocation, located
from edgefaas.message import Headers, Request, Response
from edgefaas.pages import error_page
from edgefaas.signing import Denied, authorise
from edgefaas.site import Behaviour, ViewerProtocol

# What Connection may hold without meaning a field, and what frames a message and so is not anybody's to drop.
_NOT_NOMINATED = frozenset(
    {"", "keep-alive", "close", "upgrade", "host", "content-length", "transfer-encoding"}
)
UNPRETENDED = "no location field of the viewer's own"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the viewer gets in place of the object, and the word for ``X-Cache``."""

    response: Response
    word: XCache = XCache.ERROR
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What admission asks: the site's public keys by key pair id, and where an address is."""

    public_keys: Mapping[str, bytes]
    locate: Callable[[str], ViewerLocation]

    def admit(self, request: Request, behaviour: Behaviour, now_s: float) -> Request | Refusal:
        """Return the request as the behaviour's functions see it, or why it goes no further."""
        if behaviour.methods is not None and request.method not in behaviour.methods:
            response = error_page(405, request)
            response.headers.set("Allow", ", ".join(sorted(behaviour.methods)))  # RFC 9110, 15.5.6
            return Refusal(response)
        if request.scheme == "http" and behaviour.viewer_protocol is not ViewerProtocol.ALLOW_ALL:
            return _not_over_http(request, behaviour.viewer_protocol)
        if behaviour.trusted_keys:
            keys = {name: self.public_keys[name] for name in behaviour.trusted_keys}
            granted = authorise(request, keys, now_s=now_s)
            if isinstance(granted, Denied):
                return Refusal(error_page(403, request), reason=f"{granted.code}: {granted.reason}")
            request = replace(request, query=granted.query)
        request = _without_nominated(request)
        names = behaviour.location_headers
        memo = request.headers.memo
        if not names and memo is not None and UNPRETENDED in memo:
            return request
        headers = located(request, names, self.locate(request.viewer_ip) if names else None)
        if headers is not request.headers:
            return replace(request, headers=headers)
        if memo is not None:
            memo[UNPRETENDED] = True
        return request


def _without_nominated(request: Request) -> Request:
    """Return the request without the fields that Connection names (RFC 9110, 7.6.1).

    Here, before POP and functions add theirs: else a viewer could name those, and they would never arrive.
    """
    named = request.headers.get("connection")
    if named is None or named in ("keep-alive", "close"):
        return request
    nominated = {option.strip(" \t") for option in named.lower().split(",")} - _NOT_NOMINATED
    if not nominated:
        return request
    headers = request.headers.copy()
    headers.remove("connection", *nominated)
    return replace(request, headers=headers)


def _not_over_http(request: Request, protocol: ViewerProtocol) -> Refusal:
    if protocol is ViewerProtocol.HTTPS_ONLY:
        return Refusal(error_page(403, request))
    safe = request.method in ("GET", "HEAD")
    headers = Headers([("Location", f"https://{request.host}{request.target}"), ("Content-Length", "0")])
    return Refusal(Response(status=301 if safe else 307, headers=headers), XCache.REDIRECT)
