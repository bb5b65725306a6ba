"""The connections to one endpoint: which to use, when to open one, who has to wait.

``plan_checkout`` is pure; ``ConnectionPool`` carries its plan out.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from edgefaas.errors import OriginBusyError, OriginTimeoutError
from edgefaas.origin.connection import OriginConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """``idle_s`` is how long an unused connection is kept (seconds); the rest are counts per endpoint."""

    connections_max: int = 512
    waiting_max: int = 4096
    idle_max: int = 128
    idle_s: float = 30.0


class Checkout(Enum):
    """What to do for a request that needs a connection."""

    REUSE = "reuse"
    OPEN = "open"
    WAIT = "wait"
    REFUSE = "refuse"


def plan_checkout(*, idle: int, live: int, waiting: int, limits: PoolLimits) -> Checkout:
    """Prefer an idle connection, then a new one, then the queue. ``live`` counts idle and opening ones too."""
    if idle:
        return Checkout.REUSE
    if live < limits.connections_max:
        return Checkout.OPEN
    return Checkout.WAIT if waiting < limits.waiting_max else Checkout.REFUSE


Open = Callable[
    [Callable[[OriginConnection], None], Callable[[OriginConnection], None]], Awaitable[OriginConnection]
]
"""Opens a connection with these two as its ``on_free`` and ``on_lost``."""


class ConnectionPool:
    """Lends connections; the youngest idle one first."""

    def __init__(self, name: str, limits: PoolLimits) -> None:
        self._name = name
        self._limits = limits
        self._idle: list[OriginConnection] = []
        self._live: set[OriginConnection] = set()
        self._opening_count = 0
        self._waiters: deque[asyncio.Future[OriginConnection | None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def live_count(self) -> int:
        """Return how many connections are open or being opened."""
        return len(self._live) + self._opening_count

    @property
    def idle_count(self) -> int:
        """Return how many connections wait for a request."""
        return len(self._idle)

    async def checkout(
        self, open_connection: Open, *, timeout_s: float, fresh: bool = False
    ) -> OriginConnection:
        """Return a connection for one exchange; it comes back by itself (``on_free``) or is lost.

        ``fresh`` refuses a used one: the retry of a request must not meet the same fate.

        Raises:
            OriginTimeoutError: none became free within ``timeout_s``.
            OriginBusyError: the queue is full.
            OriginError: as ``open_connection``.
        """
        while True:
            plan = plan_checkout(
                idle=0 if fresh else len(self._idle),
                live=self.live_count,
                waiting=len(self._waiters),
                limits=self._limits,
            )
            if plan is Checkout.REUSE:
                connection = self._idle.pop()
                if not connection.transport.is_closing():
                    return connection
            elif plan is Checkout.OPEN:
                return await self._open(open_connection)
            elif plan is Checkout.REFUSE:
                raise OriginBusyError(
                    f"{self._limits.waiting_max} requests wait for a connection to origin {self._name!r}",
                    remedy="Make the origin faster, or allow more connections.",
                )
            else:
                handed = await self._wait(timeout_s)
                if handed is not None and not handed.transport.is_closing():
                    return handed

    def has_idle(self) -> bool:
        """Return whether ``checkout`` would return a used connection at once."""
        idle = self._idle
        while idle and idle[-1].transport.is_closing():
            idle.pop()
        return bool(idle)

    def take_idle(self) -> OriginConnection:
        """Return what ``checkout`` would return; only after ``has_idle``."""
        return self._idle.pop()

    async def _open(self, open_connection: Open) -> OriginConnection:
        self._opening_count += 1
        try:
            connection = await open_connection(self._free, self._lost)
        finally:
            self._opening_count -= 1
            self._invite()
        if not connection.lost:
            self._live.add(connection)
        return connection

    async def _wait(self, timeout_s: float) -> OriginConnection | None:
        waiter: asyncio.Future[OriginConnection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._handed_over(waiter)
        except TimeoutError as error:
            raise OriginTimeoutError(
                f"No connection to origin {self._name!r} became free within {timeout_s:g} s",
                remedy="Make the origin faster, or allow more connections.",
            ) from error

    async def _handed_over(
        self, waiter: "asyncio.Future[OriginConnection | None]"
    ) -> OriginConnection | None:
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.done():  # lent at this very moment: pass it on
                handed = waiter.result()
                if handed is None:
                    self._invite()
                else:
                    self._free(handed)
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            raise

    def _free(self, connection: OriginConnection) -> None:
        """Lend to the longest waiter, or keep (a callback of the connection)."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if self._closed or len(self._idle) >= self._limits.idle_max:
            connection.transport.abort()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since_s = loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._limits.idle_s, self._sweep)

    def _lost(self, connection: OriginConnection) -> None:
        self._live.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._invite()

    def _invite(self) -> None:
        """Let the longest waiter look again: there is room for a new connection."""
        while self._waiters and self.live_count < self._limits.connections_max:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = None
        for connection in self._idle.copy():
            if loop.time() - connection.idle_since_s >= self._limits.idle_s:
                connection.transport.abort()
        if self._idle and not self._closed:
            self._sweeper = loop.call_later(self._limits.idle_s / 2, self._sweep)

    def close(self) -> None:
        """Close every connection, also those in use."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._live):
            connection.transport.abort()
