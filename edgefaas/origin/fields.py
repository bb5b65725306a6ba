"""Which fields travel between a POP and an origin, and what is added on the way.

Pure. Sources: RFC 9110, 7.6.1 (Connection and hop-by-hop fields), 7.6.3 (Via), 7.2 (Host).
"""

from edgefaas.message import Headers, Request
from edgefaas.site import UrlOrigin
from edgefaas.wire.fields import WireHeaders

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
_OWN = frozenset(("content-length", "expect", "host", "x-forwarded-for"))  # written anew for each hop
_WRITTEN_ANEW = HOP_BY_HOP | _OWN
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
    named = hop_by_hop_names(request.headers)
    dropped = _WRITTEN_ANEW if named is HOP_BY_HOP else named | _OWN
    lines = [("Host", origin.host_header or authority)]
    lines += [line for line in request.headers if line[0].lower() not in dropped]
    lines.append(("X-Forwarded-For", forwarding(request, named)))
    lines.append(("Via", f"{request.http_version} {PSEUDONYM}"))
    if request.upgrade is not None:
        lines += [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    sent = Headers(lines)
    for name, value in origin.headers.items():
        sent.set(name, value)
    return sent


def forwarding(request: Request, named: frozenset[str] = HOP_BY_HOP) -> str:
    """Return X-Forwarded-For for the next hop: the request's own list, ended by the viewer's address.

    ``named`` are the fields that end here.
    """
    forwarded = request.headers.get("x-forwarded-for") if "x-forwarded-for" not in named else None
    viewer_ip = request.viewer_ip
    if forwarded is None:
        return viewer_ip
    members = [stripped for member in forwarded.split(",") if (stripped := member.strip(" \t"))]
    if not members or members[-1] != viewer_ip:
        members.append(viewer_ip)
    return ", ".join(members)


def from_origin(headers: Headers) -> Headers:
    """Return the fields of a response that travel on: all but the hop-by-hop ones."""
    if isinstance(headers, WireHeaders) and headers.lacks(HOP_BY_HOP):
        return headers
    dropped = hop_by_hop_names(headers)
    return Headers((name, value) for name, value in headers if name.lower() not in dropped)
