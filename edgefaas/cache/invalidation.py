"""Which stored responses a successful unsafe request makes invalid.

Pure. Source: RFC 9111, 4.4. Methods that nobody knows count as unsafe.
"""

from edgefaas.cache.key import request_uri, same_origin_uri
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
            uri = same_origin_uri(target, value)
            if uri is not None:
                uris[uri] = None
    return tuple(uris)
