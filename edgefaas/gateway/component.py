"""wasi:http 0.2: the request as a component sees it, and the head of its answer. Pure.

Scheme, authority, path and query are as the viewer sent them; fields are the viewer's end-to-end ones, without
``Host`` (which is the authority) and with the viewer's address in ``X-Forwarded-For``.
"""

from collections.abc import Iterable

import msgpack

from edgefaas.gateway.answers import Answer, checked
from edgefaas.message import Request
from edgefaas.origin.fields import forwarding, hop_by_hop_names

_WRITTEN_ANEW = frozenset({"host", "expect", "x-forwarded-for"})


def event_of(request: Request, *, body: bytes = b"", stream: bool = False) -> bytes:
    """Return the event for the sandbox; see docs/guest-abi.md."""
    dropped = hop_by_hop_names(request.headers) | _WRITTEN_ANEW
    lines = [(name.lower(), value) for name, value in request.headers if name.lower() not in dropped]
    lines.append(("x-forwarded-for", forwarding(request)))
    event: bytes = msgpack.packb(
        {
            "method": request.method,
            "scheme": request.scheme,
            "authority": request.host,
            "path": request.target,
            "headers": [(name, value.encode("latin-1", "replace")) for name, value in lines],
            "body": body,
            "stream": stream,
        }
    )
    return event


def answer_of(status: int, lines: Iterable[tuple[str, bytes]]) -> Answer:
    """Return the head of an answer. Raises FunctionValidationError."""
    return checked(status, [(name, value.decode("latin-1")) for name, value in lines])
