"""What of a viewer's request goes on to the origin. Pure.

Without an origin request policy everything does, but for query parameters and cookies that the cache policy
leaves out of the key: what is not keyed must not shape a stored answer. Source: CloudFront's cache policies.
"""

from dataclasses import replace

from edgefaas.cache.key import selected_cookies, selected_query
from edgefaas.message import Request
from edgefaas.site import Behaviour


def forwarded(request: Request, behaviour: Behaviour) -> Request:
    """Return the request for the origin; the very object where nothing is left out."""
    policy = behaviour.cache
    query = selected_query(request.query, policy.query)
    cookies_whole = policy.cookies.mode in ("forward", "all") or "cookie" not in request.headers
    if query == request.query and cookies_whole:
        return request
    headers = request.headers
    if not cookies_whole:
        headers = headers.copy()
        pairs = selected_cookies(headers, policy.cookies)
        headers.remove("cookie")
        if pairs:
            headers.add("Cookie", "; ".join(f"{name}={value}" for name, value in pairs))
    return replace(request, query=query, headers=headers)
