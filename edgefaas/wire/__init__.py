"""The viewer's side of the data plane: sockets, HTTP/1.1 framing, limits and deadlines.

``bind(viewer_side, settings)`` returns the class for ``uvicorn.Config(app, http=cls, ws="none", lifespan="off")``.
The viewer side (``edgefaas.contract.ViewerSide``) gets each request:

- without a body: first ``inline(request)``, whose ``Prepared`` is written in one call; ``prepare(response, method=,
  date=http_date())`` makes one by the same rules as every other answer. Its head must carry ``Date``;
- else ``answer(request)`` in a task that is cancelled when the viewer leaves. ``request.body`` is an async iterator
  (with back-pressure; it raises ``RequestError`` when the viewer breaks the body) unless there is none;
- ``finished(exchange)`` at the end of each. Refusals by the wire itself have an empty method and path.

``request.host`` is lower case without the port. ``request.headers`` is as sent; ``Host`` follows an absolute target.
"""

from edgefaas.wire.clock import http_date
from edgefaas.wire.grammar import FramingError
from edgefaas.wire.protocol import WireProtocol, bind
from edgefaas.wire.render import InvalidResponseError, prepare
from edgefaas.wire.settings import WireSettings

__all__ = [
    "FramingError",
    "InvalidResponseError",
    "WireProtocol",
    "WireSettings",
    "bind",
    "http_date",
    "prepare",
]
