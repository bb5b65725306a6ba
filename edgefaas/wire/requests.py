"""From a parsed head to the ``Request`` that the rest of the POP sees. Pure.

Sources: RFC 9112, 3.2 (target forms, their relation to Host) and 9.3 (persistence); RFC 9110, 9.3.6 and 9.3.7.
"""

from edgefaas.message import Headers, Prepared, Request
from edgefaas.wire.fields import WireHeaders
from edgefaas.wire.heads import Facts, bad_request, parse_host, split_target

_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_ALLOWED_ANYWHERE = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def make_request(
    method_octets: bytes,
    target: bytes,
    facts: Facts,
    *,
    is_1_1: bool,
    scheme: str,
    peer: tuple[str, int],
) -> Request:
    """Return the request; its body is still empty. ``OPTIONS *`` comes back with the path ``*``.

    Raises:
        RequestError: no host, or a target that is not for a resource here (400, 405, 414).
    """
    method = _METHODS.get(method_octets) or method_octets.decode("ascii")
    host = facts.host
    if host is None:
        if is_1_1:
            raise bad_request("The Host field is missing.")
        host = ""
    if method == "CONNECT":
        raise bad_request("This server opens no tunnels.", status=405)
    headers: Headers = WireHeaders(facts.block)
    if target == b"*":
        if method != "OPTIONS" or not facts.bodiless:
            raise bad_request("The target * is for OPTIONS without a body.")
        path, query = "*", ""
    else:
        path, query, authority = split_target(target)
        if authority:  # RFC 9112, 3.2.2: it replaces Host
            host = parse_host(authority)
            headers.set("Host", host)
    return Request(
        method=method,
        path=path,
        query=query,
        headers=headers,
        host=host,
        scheme=scheme,
        http_version="1.1" if is_1_1 else "1.0",
        viewer_ip=peer[0],
        viewer_port=peer[1],
    )


def keeps_alive(facts: Facts, *, is_1_1: bool) -> bool:
    """Return whether the viewer wants the connection to stay open (RFC 9112, 9.3)."""
    return not facts.close if is_1_1 else facts.keep_alive


def answer_to_asterisk(date: str) -> Prepared:
    """Return the answer to ``OPTIONS *``, which is about the server and no resource (RFC 9110, 9.3.7)."""
    head = f"HTTP/1.1 204 No Content\r\nAllow: {_ALLOWED_ANYWHERE}\r\nDate: {date}\r\n"
    return Prepared(head.encode("ascii"), b"")
