"""What of a viewer's request goes on to the origin. Pure.

Without an origin request policy everything does, but for query parameters and cookies that the cache policy
leaves out of the key: what is not keyed must not shape a stored answer. With one, exactly what the key and
the policy name. Source: CloudFront's cache policies and origin request policies.
"""

from dataclasses import replace

from edgefaas.cache.key import selected_query
from edgefaas.message import Request
from edgefaas.policies import origin_headers, origin_query, with_cookies
from edgefaas.site import Behaviour


def forwarded(request: Request, behaviour: Behaviour) -> Request:
    """Return the request for the origin; the very object where nothing is left out."""
    cache, policy = behaviour.cache, behaviour.origin_request
    if policy is None:
        query = selected_query(request.query, cache.query)
        headers = (
            request.headers
            if cache.cookies.mode == "forward"
            else with_cookies(request.headers, cache.cookies)
        )
    else:
        query = origin_query(request.query, cache, policy)
        headers = origin_headers(request.headers, cache, policy)
    if query == request.query and headers is request.headers:
        return request
    return replace(request, query=query, headers=headers)
