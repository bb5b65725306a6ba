"""Fetch from ``url`` origins: pooled connections, strict framing, deadlines, retries only where they are safe.

The rules live in fields (what travels), heads (framing), pool (which connection) and dns; this is the thin part.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from edgefaas.errors import OriginError, OriginTimeoutError
from edgefaas.message import Headers, Request, Response
from edgefaas.origin import fields
from edgefaas.origin.connect import Endpoint, endpoint_of, open_connection
from edgefaas.origin.connection import (
    Answered,
    Exchange,
    Look,
    NothingCameBackError,
    OriginBody,
    OriginConnection,
)
from edgefaas.origin.dns import Resolver
from edgefaas.origin.heads import ResponseHead
from edgefaas.origin.health import EndpointHealth
from edgefaas.origin.pool import ConnectionPool, Open, PoolLimits
from edgefaas.site import UrlOrigin
from edgefaas.wire.grammar import FIELD_SECTION, TOKEN

FreeCallback = Callable[[OriginConnection], None]

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})  # RFC 9110, 9.2.2
_TARGET = re.compile(r"[\x21-\x7e]+")
_FIELDS = re.compile(FIELD_SECTION)
_BODILESS_BY_HABIT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "CONNECT"})


def request_head(request: Request, headers: Headers, *, prefix: str, name: str) -> bytes:
    """Return the whole head of a request, with the field that frames its body.

    Raises:
        OriginError: the request cannot be written as HTTP (a function may have put a line break in it).
    """
    target = prefix + request.target
    lines = [f"{key}: {value}\r\n" for key, value in headers]
    if isinstance(request.body, bytes):
        if request.body or request.method not in _BODILESS_BY_HABIT:
            lines.append(f"Content-Length: {len(request.body)}\r\n")
    else:
        declared = request.headers.get("content-length")
        lines.append(
            f"Content-Length: {declared}\r\n"
            if declared is not None and declared.isascii() and declared.isdigit()
            else "Transfer-Encoding: chunked\r\n"
        )
    try:
        section = "".join(lines).encode("latin-1")
        method = request.method.encode("latin-1")
    except UnicodeEncodeError:
        section = b"\n"
    if (
        not _FIELDS.fullmatch(section)
        or section.count(b"\r\n") != len(lines)
        or not TOKEN.fullmatch(method)
        or not _TARGET.fullmatch(target)
    ):
        raise OriginError(
            f"The request for origin {name!r} has octets that HTTP forbids",
            remedy="Let the function percent-encode what it puts into the URI and the headers.",
        )
    return method + f" {target} HTTP/1.1\r\n".encode("ascii") + section + b"\r\n"


@dataclass(frozen=True, slots=True)
class Begun:
    """A request that was sent on an idle connection, and what its answer is waited for by."""

    connection: OriginConnection
    waiting: Answered


@dataclass(frozen=True, slots=True)
class OriginWay:
    """Where requests to an origin are sent, and the ``prefix`` of their paths. ``pool`` says what is idle."""

    origin: UrlOrigin
    prefix: str
    pool: ConnectionPool


class OriginClient:
    """Fetches from origins; one per worker."""

    def __init__(
        self,
        *,
        limits: PoolLimits | None = None,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._limits = limits or PoolLimits()
        self._tls = tls
        self._resolver = resolver or Resolver()
        self._endpoints: dict[str, Endpoint] = {}
        self._health: dict[tuple[str, str, int], EndpointHealth] = {}
        self._pools: dict[tuple[str, str, int], ConnectionPool] = {}

    async def fetch(self, origin: UrlOrigin, request: Request) -> Response:
        """Return the origin's response; its body is bytes when it was already complete, else a stream.

        A streamed body raises as this method does when the rest does not come. ``await response.body.aclose()``
        gives the rest up. Hop-by-hop fields are removed both ways. A 1xx goes to ``request.interim``.

        Raises:
            OriginTimeoutError: a deadline of ``origin`` passed (504).
            OriginError: no connection, or an answer that is not strictly HTTP/1.1 (502).
            RequestError: the viewer broke the request's body.
        """
        return await self._fetch(origin, request, fresh=False)

    def head(self, origin: UrlOrigin, request: Request) -> bytes:
        """Return the head of the request as it is sent to ``origin``. Raises OriginError: it cannot be written."""
        endpoint = self._endpoint(origin)
        headers = fields.to_origin(request, origin, authority=endpoint.authority)
        return request_head(request, headers, prefix=endpoint.prefix, name=origin.name)

    def way(self, origin: UrlOrigin) -> OriginWay:
        """Return the way to ``origin``, for ``begin``; it stays the same."""
        endpoint = self._endpoint(origin)
        return OriginWay(origin, endpoint.prefix, self._pool(endpoint))

    def begin(
        self,
        origin: UrlOrigin,
        connection: OriginConnection,
        head: bytes,
        look: Look,
        interim: Callable[[int, Headers], None],
    ) -> Begun:
        """Send a GET whose head is ``head`` on a connection of its way's pool, without a task.

        See ``OriginConnection.begin``. What ``look`` does not deal with, ``finish`` has to be asked for, or the
        connection given up.
        """
        exchange = Exchange(
            name=origin.name,
            method="GET",
            interim=interim,
            first_byte_timeout_s=origin.first_byte_timeout_s,
            idle_timeout_s=origin.idle_timeout_s,
        )
        return Begun(connection, connection.begin(exchange, head, look))

    async def finish(self, origin: UrlOrigin, request: Request, begun: Begun) -> Response:
        """Return what ``fetch`` would have returned, or raise it, for a request that ``begin`` sent."""
        try:
            return _response(*await begun.connection.answer(begun.waiting))
        except NothingCameBackError:  # the idle connection had died, and a GET may be sent again
            return await self._fetch(origin, request, fresh=True)

    async def _fetch(self, origin: UrlOrigin, request: Request, *, fresh: bool) -> Response:
        """Fetch; ``fresh`` takes no used connection."""
        endpoint = self._endpoint(origin)
        pool = self._pool(endpoint)
        head = self.head(origin, request)
        exchange = Exchange(
            name=origin.name,
            method=request.method,
            interim=request.interim,
            first_byte_timeout_s=origin.first_byte_timeout_s,
            idle_timeout_s=origin.idle_timeout_s,
            upgrade=request.upgrade,
        )
        opener = self._opener(endpoint, origin)
        retriable = request.method in IDEMPOTENT and isinstance(request.body, bytes)
        while True:
            connection = await pool.checkout(opener, timeout_s=origin.connect_timeout_s, fresh=fresh)
            reused = connection.exchanges_count > 0
            try:
                return _response(*await connection.ask(exchange, head, request.body))
            except NothingCameBackError:
                if not (retriable and reused):
                    raise
                fresh = True  # nothing was processed: the idle connection had died (RFC 9110, 9.2.2)

    def _endpoint(self, origin: UrlOrigin) -> Endpoint:
        endpoint = self._endpoints.get(origin.url)
        if endpoint is None:
            endpoint = self._endpoints[origin.url] = endpoint_of(origin.url)
        return endpoint

    def _pool(self, endpoint: Endpoint) -> ConnectionPool:
        key = (endpoint.scheme, endpoint.host, endpoint.port)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = ConnectionPool(endpoint.authority, self._limits)
        return pool

    def _opener(self, endpoint: Endpoint, origin: UrlOrigin) -> Open:
        key = (endpoint.scheme, endpoint.host, endpoint.port)
        health = self._health.get(key)
        if health is None:
            health = self._health[key] = EndpointHealth()

        async def open_one(on_free: FreeCallback, on_lost: FreeCallback) -> OriginConnection:
            clock = asyncio.get_running_loop().time
            if not health.may_try(clock()):
                raise OriginTimeoutError(
                    f"{endpoint.scheme}://{endpoint.authority} has not taken a connection of late",
                    remedy="Check that the origin is up; it is tried again within seconds.",
                )
            silent = False
            try:
                return await open_connection(
                    lambda: OriginConnection(on_free=on_free, on_lost=on_lost),
                    endpoint,
                    resolver=self._resolver,
                    tls=self._tls_context() if endpoint.scheme == "https" else None,
                    timeout_s=origin.connect_timeout_s,
                )
            except OriginTimeoutError:
                silent = True
                raise
            finally:
                health.ended(silent=silent, now_s=clock())

        return open_one

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def stats(self) -> dict[str, dict[str, int]]:
        """Return the counts of live and idle connections by origin authority."""
        return {
            f"{scheme}://{host}:{port}": {"live": pool.live_count, "idle": pool.idle_count}
            for (scheme, host, port), pool in self._pools.items()
        }

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()


def _response(answer: ResponseHead, body: bytes | OriginBody) -> Response:
    return Response(
        status=answer.status,
        reason=answer.reason,
        headers=fields.from_origin(answer.headers),
        body=body,
    )
