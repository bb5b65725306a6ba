"""Whether a behaviour lets a request in: its methods, plain HTTP, signed URLs and cookies. Pure.

Decided before any function runs, as CloudFront does.
"""

from dataclasses import dataclass

from edgefaas.cache import XCache
from edgefaas.message import Headers, Request, Response
from edgefaas.pages import error_page
from edgefaas.site import Behaviour, ViewerProtocol


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the viewer gets in place of the object, and the word for ``X-Cache``."""

    response: Response
    word: XCache = XCache.ERROR


def admit(request: Request, behaviour: Behaviour) -> Refusal | None:
    """Return why the request goes no further, or None."""
    if behaviour.methods is not None and request.method not in behaviour.methods:
        response = error_page(405, request)
        response.headers.set("Allow", ", ".join(sorted(behaviour.methods)))  # RFC 9110, 15.5.6
        return Refusal(response)
    if request.scheme == "http" and behaviour.viewer_protocol is not ViewerProtocol.ALLOW_ALL:
        if behaviour.viewer_protocol is ViewerProtocol.HTTPS_ONLY:
            return Refusal(error_page(403, request))
        safe = request.method in ("GET", "HEAD")
        headers = Headers([("Location", f"https://{request.host}{request.target}"), ("Content-Length", "0")])
        return Refusal(Response(status=301 if safe else 307, headers=headers), XCache.REDIRECT)
    return None
