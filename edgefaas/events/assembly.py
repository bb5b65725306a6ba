"""The event of a viewer-request trigger, put together from pieces that outlive one request. Pure.

What a target says in an event is the same for everybody who asks for it; what a viewer's fields say is the same for
every request that carries them; what is left is the request id and the address. So an event is a join of octets. They
are those of ``encode_event`` by construction: the text around the pieces is cut out of an event that it encoded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import orjson

from edgefaas.events import cloudfront_functions, lambda_edge
from edgefaas.events.event import Api, EventContext, ShownBody
from edgefaas.message import Headers, Request
from edgefaas.site import Trigger

MARKED_ID = "edgefaas-mark-of-the-request-id"
MARKED_ADDRESS = "edgefaas-mark-of-the-address"
_ENCODERS = {Api.LAMBDA_EDGE: lambda_edge, Api.CLOUDFRONT_FUNCTIONS: cloudfront_functions}


@dataclass(frozen=True, slots=True)
class Assembly:
    """How the event of one API is put together."""

    before_id: bytes
    before_address: bytes
    before_request: bytes
    end: bytes
    target_first: bool
    of_target: Callable[[str, str], bytes]
    of_fields: Callable[[Headers], bytes]

    def event(self, request_id: bytes, address: bytes, target: bytes, fields: bytes) -> bytes:
        """Return the event; the pieces are those of ``of_target`` and ``of_fields``, the address is as JSON has it."""
        first, second = (target, fields) if self.target_first else (fields, target)
        return b"".join(
            (
                self.before_id,
                request_id,
                self.before_address,
                address,
                self.before_request,
                first,
                b",",
                second,
                self.end,
            )
        )


@cache
def assembly_of(api: str, *, shows_body: bool = False) -> Assembly:
    """Return how a GET's event of ``api`` is put together; what is no API's name means Lambda@Edge.

    ``shows_body`` is for behaviours that include bodies: a plain GET's is empty.
    """
    module = _ENCODERS.get(Api(api) if api in set(Api) else Api.LAMBDA_EDGE, lambda_edge)

    def of_target(path: str, query: str) -> bytes:
        return orjson.dumps(module.target_members("GET", path, query))[1:-1]

    def of_fields(headers: Headers) -> bytes:
        return orjson.dumps(module.field_members(headers))[1:-1]

    marked = Request(method="GET", path="/", id=MARKED_ID, viewer_ip=MARKED_ADDRESS)
    context = EventContext(body=ShownBody(b"")) if shows_body else EventContext()
    payload = module.encode(Trigger.VIEWER_REQUEST, marked, None, context).payload
    target, fields = of_target("/", ""), of_fields(Headers())
    for first, second in ((target, fields), (fields, target)):
        text, found, end = payload.partition(first + b"," + second)
        if found:
            break
    before_id, _, rest = text.partition(MARKED_ID.encode())
    before_address, _, before_request = rest.partition(MARKED_ADDRESS.encode())
    return Assembly(
        before_id,
        before_address,
        before_request,
        end,
        first is target,
        of_target=of_target,
        of_fields=of_fields,
    )
