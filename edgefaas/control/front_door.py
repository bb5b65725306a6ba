"""The admin port's HTTP: uvicorn's, with bounds on what a stranger may send before anybody has asked for a token.

uvicorn has none of its own: it keeps whatever stands before a body for as long as it comes, and waits for it for ever.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import orjson
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edgefaas.quiet import QuietServer, quiet_config

CONNECTIONS_MAX = 500
HEAD_BYTES_MAX = 64 * 1024  # also of what stands behind a chunked body
HEAD_MAX_S = 20.0
_REMEDY = "Send a shorter address and fewer fields; see /v1/openapi.json for what there is."


def admin_server(app: ASGIApp) -> QuietServer:
    """Return the server that answers on the admin port with ``app``; it serves once it is told to."""
    config = quiet_config(
        app,
        http=FrontDoor,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=2,
    )
    return QuietServer(config)


class FrontDoor(HttpToolsProtocol):
    """One connection. Answers 431 to a head that is too long, 408 to one that takes too long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unread_bytes = 0  # since a head was complete or a piece of a body came
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is too much."""
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._unread_bytes > HEAD_BYTES_MAX:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The head is over {HEAD_BYTES_MAX} bytes"
            )

    def on_message_begin(self) -> None:
        """Wait for the rest of a head."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """Wait no longer: bodies are the endpoints' to bound."""
        self._unread_bytes = 0
        self._wait_no_longer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        self._unread_bytes = 0
        super().on_message_complete()

    def _wait(self) -> None:
        self._wait_no_longer()
        self._patience = self.loop.call_later(HEAD_MAX_S, self._run_out_of_patience)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _run_out_of_patience(self) -> None:
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"The head did not come within {HEAD_MAX_S:g} s")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:  # else an answer is on its way out
            body = orjson.dumps({"error": message, "remedy": _REMEDY, "request_id": ""})
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            self.transport.write(head.encode("ascii") + body)
        self.transport.close()
