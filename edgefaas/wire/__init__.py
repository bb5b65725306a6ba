"""The viewer's side of the data plane: sockets, HTTP/1.1 framing, limits and deadlines.

``bind(viewer_side, settings)`` returns the class for ``uvicorn.Config(app, http=cls, ws="none",
lifespan="off")``. The viewer side (``edgefaas.contract.ViewerSide``) gets each request:

- without a body: first ``inline(request)``, whose ``Prepared`` is written in one call. ``prepare(response,
  method=, date=http_date())`` makes one by the rules of every other answer; its head must carry ``Date``;
- else ``answer(request)``, in a task that is cancelled when the viewer leaves. ``request.body`` is bytes when it
  came with the head, else an async iterator with back-pressure, which raises ``RequestError`` (400, 408, 413)
  when the viewer breaks the body;
- ``finished(exchange)`` at the end of each. Refusals by the wire itself have an empty method and path.

``request.host`` is the authority in lower case, with its port if sent. ``request.headers`` are as sent, but for
``Host``, which follows a target in absolute form.

WebSocket: ``request.upgrade`` is set, ``inline`` is not asked; a response with status 101 and a stream as its body
(``OriginClient`` gives one) turns the connection into a tunnel. TLS: pass ``Certificates(...).context`` as the
server's ``ssl`` (uvicorn: ``config.load(); config.ssl = certificates.context``); ``reload()`` on SIGHUP.
PROXY protocol: ``WireSettings(proxy_trusted=("10.0.0.0/8",))``, for listeners without TLS.
"""

from edgefaas.site import Certificate
from edgefaas.wire.clock import http_date
from edgefaas.wire.grammar import FramingError
from edgefaas.wire.protocol import WireProtocol, bind
from edgefaas.wire.render import InvalidResponseError, prepare
from edgefaas.wire.settings import WireSettings
from edgefaas.wire.tls import Certificates

__all__ = [
    "Certificate",
    "Certificates",
    "FramingError",
    "InvalidResponseError",
    "WireProtocol",
    "WireSettings",
    "bind",
    "http_date",
    "prepare",
]
