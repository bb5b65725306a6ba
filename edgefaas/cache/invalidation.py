"""Which stored responses a successful unsafe request makes invalid.

Pure. Source: RFC 9111, 4.4. Methods that nobody knows count as unsafe.
"""

from urllib.parse import urljoin, urlsplit

from edgefaas.cache.key import canonical_host, request_uri
from edgefaas.message import Request, Response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"})
_NON_ERROR = range(200, 400)


def invalidated_by(request: Request, response: Response) -> tuple[str, ...]:
    """Return the canonical URIs to invalidate: the target, and same-origin Location and Content-Location."""
    if request.method in SAFE_METHODS or response.status not in _NON_ERROR:
        return ()
    target = request_uri(request)
    uris = {target: None}
    for field in ("location", "content-location"):
        for value in response.headers.values(field):
            uri = _same_origin(target, value)
            if uri is not None:
                uris[uri] = None
    return tuple(uris)


def _same_origin(target: str, reference: str) -> str | None:
    """Return ``reference`` as a canonical URI when it has the target's origin, else None."""
    try:
        joined = urlsplit(urljoin(target, reference.strip()))
        base = urlsplit(target)
    except ValueError:
        return None
    host = canonical_host(joined.netloc, joined.scheme)
    if (joined.scheme, host) != (base.scheme, base.netloc):
        return None
    path = joined.path or "/"
    return (
        f"{joined.scheme}://{host}{path}?{joined.query}"
        if joined.query
        else f"{joined.scheme}://{host}{path}"
    )
