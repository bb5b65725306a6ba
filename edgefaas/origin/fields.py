"""Which fields travel between a POP and an origin, and what is added on the way.

Pure. Sources: RFC 9110, 7.6.1 (Connection and hop-by-hop fields), 7.6.3 (Via), 7.2 (Host).
"""

from edgefaas.message import Headers, Request
from edgefaas.site import UrlOrigin

HOP_BY_HOP = frozenset(
    (
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_OWN = frozenset(("content-length", "expect", "host"))  # written anew for each hop
PSEUDONYM = "edgefaas"


def hop_by_hop_names(headers: Headers) -> frozenset[str]:
    """Return the lower-case names of the fields that end here: the known ones and those named in Connection."""
    named = headers.get("connection")
    if named is None:
        return HOP_BY_HOP
    return HOP_BY_HOP | {name.strip(" \t") for name in named.lower().split(",")}


def to_origin(request: Request, origin: UrlOrigin, *, authority: str) -> Headers:
    """Return the fields to send, without those that frame the body.

    ``Host`` is ``origin.host_header`` or else ``authority``, the origin's own name. ``X-Forwarded-For`` gets the
    viewer's address unless it already ends with it, ``Via`` gets this hop, and ``origin.headers`` replace fields
    of their names.
    """
    dropped = hop_by_hop_names(request.headers) | _OWN
    sent = Headers([("Host", origin.host_header or authority)])
    for name, value in request.headers:
        if name.lower() not in dropped:
            sent.add(name, value)
    forwarded = request.headers.get("x-forwarded-for") if "x-forwarded-for" not in dropped else None
    members = [member.strip(" \t") for member in forwarded.split(",")] if forwarded else []
    if not members or members[-1] != request.viewer_ip:
        sent.set("X-Forwarded-For", ", ".join([*filter(None, members), request.viewer_ip]))
    sent.add("Via", f"{request.http_version} {PSEUDONYM}")
    for name, value in origin.headers.items():
        sent.set(name, value)
    if request.upgrade is not None:
        sent.add("Connection", "Upgrade")
        sent.add("Upgrade", "websocket")
    return sent


def from_origin(headers: Headers) -> Headers:
    """Return the fields of a response that travel on: all but the hop-by-hop ones."""
    dropped = hop_by_hop_names(headers)
    return Headers((name, value) for name, value in headers if name.lower() not in dropped)
