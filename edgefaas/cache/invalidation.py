"""Which stored responses a successful unsafe request makes invalid.

Pure. Source: RFC 9111, 4.4. Methods that nobody knows count as unsafe.
"""

from edgefaas.cache.key import request_uri, same_origin_uri, selected_query
from edgefaas.message import Request, Response
from edgefaas.site import CachePolicy

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"})
_NON_ERROR = range(200, 400)


def invalidated_by(
    request: Request, response: Response, policy: CachePolicy | None = None
) -> tuple[str, ...]:
    """Return the canonical URIs to invalidate: the target, and same-origin Location and Content-Location.

    With a ``policy``, each as it is keyed under that, so without the parts of the query that are not keyed
    on.
    """
    if request.method in SAFE_METHODS or response.status not in _NON_ERROR:
        return ()
    target = request_uri(request)
    uris = {target: None}
    for field in ("location", "content-location"):
        for value in response.headers.values(field):
            uri = same_origin_uri(target, value)
            if uri is not None:
                uris[uri] = None
    return tuple(dict.fromkeys(_keyed(uri, policy) for uri in uris))


def _keyed(uri: str, policy: CachePolicy | None) -> str:
    base, mark, query = uri.partition("?")
    if policy is None or not mark:
        return uri
    chosen = selected_query(query, policy.query)
    return f"{base}?{chosen}" if chosen else base
