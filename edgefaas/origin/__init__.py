"""The origin's side of the data plane: an HTTP/1.1 client that pools, streams and trusts nothing.

``OriginClient().fetch(origin, request)`` returns a ``Response`` with end-to-end fields only; its body is ``bytes``
when it was complete at once, else a stream with back-pressure and ``aclose()``. It raises ``OriginError`` (502),
``OriginTimeoutError`` (504), or the ``RequestError`` of a request body that the viewer broke. ``close()`` at the end.
"""

from edgefaas.origin.client import OriginClient
from edgefaas.origin.pool import PoolLimits

__all__ = ["OriginClient", "PoolLimits"]
