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
    """``idle_s`` is how long an unused connection is kept (seconds); the rest are counts per endpoint.

    As many are kept as were in use: of 256 answers in one turn of the loop, all connections are idle for a moment.
    """

    connections_max: int = 512
    waiting_max: int = 4096
    idle_max: int = 512
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

Lent = Callable[[OriginConnection | None], None]
"""Takes a connection for one exchange, at once; None says to ask anew: there is room for a new one."""


class Place:
    """A place in the line of those who wait for a connection; ``late`` is called after ``timeout_s`` without one."""

    __slots__ = ("_lent", "_line", "_timer")

    def __init__(
        self,
        line: "deque[asyncio.Future[OriginConnection | None] | Place]",
        lent: Lent,
        late: Callable[[], None],
        timeout_s: float,
    ) -> None:
        self._lent: Lent | None = lent
        self._line = line
        self._timer = asyncio.get_running_loop().call_later(timeout_s, self._expire, late)
        line.append(self)

    def done(self) -> bool:
        """Return whether nobody waits here any more."""
        return self._lent is None

    def set_result(self, connection: OriginConnection | None) -> None:
        """Lend the connection."""
        lent, self._lent = self._lent, None
        self._timer.cancel()
        if lent is not None:
            lent(connection)

    def leave(self) -> None:
        """Give the place up."""
        if self._lent is not None:
            self._lent = None
            self._timer.cancel()
            self._line.remove(self)

    def _expire(self, late: Callable[[], None]) -> None:
        self.leave()
        late()


def none_became_free(name: str, timeout_s: float) -> OriginTimeoutError:
    """Return the error of who has waited in line for too long."""
    return OriginTimeoutError(
        f"No connection to origin {name!r} became free within {timeout_s:g} s",
        remedy="Make the origin faster, or allow more connections.",
    )


class ConnectionPool:
    """Lends connections; the youngest idle one first."""

    def __init__(self, name: str, limits: PoolLimits) -> None:
        self.name = name
        self._limits = limits
        self._idle: list[OriginConnection] = []
        self._live: set[OriginConnection] = set()
        self._opening_count = 0
        self._waiters: deque[asyncio.Future[OriginConnection | None] | Place] = deque()
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
                    f"{self._limits.waiting_max} requests wait for a connection to origin {self.name!r}",
                    remedy="Make the origin faster, or allow more connections.",
                )
            else:
                handed = await self._wait(timeout_s)
                if handed is not None and not handed.transport.is_closing():
                    return handed

    def plan(self) -> Checkout:
        """Return what ``checkout`` would do now."""
        idle = self._idle
        while idle and idle[-1].transport.is_closing():
            idle.pop()
        return plan_checkout(
            idle=len(idle), live=self.live_count, waiting=len(self._waiters), limits=self._limits
        )

    def take_idle(self) -> OriginConnection:
        """Return what ``checkout`` would return; only where the plan is REUSE."""
        return self._idle.pop()

    def stand_in_line(self, lent: Lent, late: Callable[[], None], *, timeout_s: float) -> Place:
        """Wait as ``checkout`` would, without a task; only where the plan is WAIT."""
        return Place(self._waiters, lent, late, timeout_s)

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
            raise none_became_free(self.name, timeout_s) from error

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
