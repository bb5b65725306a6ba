"""The wire's clocks: one timer for all deadlines of a loop, and the ``Date`` of this second. A thin shell."""

import asyncio
import time
import weakref
from email.utils import formatdate
from typing import Protocol

from edgefaas.wire.deadlines import DeadlineWheel, Mortal

_tickers: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Ticker]" = weakref.WeakKeyDictionary()


_this_second = (0, "")


def http_date() -> str:
    """Return now as an IMF-fixdate (RFC 9110, 5.6.7); made once a second."""
    global _this_second
    now_s = int(time.time())  # noqa: TID251 - the wire's own clock
    if _this_second[0] != now_s:
        _this_second = (now_s, formatdate(now_s, usegmt=True))
    return _this_second[1]


class Expiring(Mortal, Protocol):
    """What is told when its deadline is over."""

    def expire(self) -> None: ...  # noqa: D102


class Ticker:
    """Calls ``expire`` of connections whose deadline is over; sleeps when nobody has one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tick_s: float) -> None:
        self._loop = weakref.ref(loop)
        self._tick_s = tick_s
        self._wheel: DeadlineWheel[Expiring] = DeadlineWheel(tick_s)
        self._ticking = False

    def set(self, connection: Expiring, deadline_s: float) -> None:
        """Give a connection a new deadline on the loop's clock."""
        self._wheel.set(connection, deadline_s)
        if not self._ticking and self._wheel:
            self._schedule()

    def _schedule(self) -> None:
        loop = self._loop()
        if loop is not None:
            self._ticking = True
            loop.call_later(self._tick_s, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ticking = False
        for connection in self._wheel.advance(loop.time()):
            connection.expire()
        if self._wheel:
            self._schedule()


def ticker_of(loop: asyncio.AbstractEventLoop, tick_s: float) -> Ticker:
    """Return the one ticker of ``loop``; the first caller decides how coarse it is."""
    ticker = _tickers.get(loop)
    if ticker is None:
        ticker = _tickers[loop] = Ticker(loop, tick_s)
    return ticker
