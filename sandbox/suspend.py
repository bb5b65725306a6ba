"""How a suspended guest sleeps."""

import asyncio
import math

SLEEP_MS_MAX = 24 * 60 * 60 * 1000


def sleep(duration_ms: float) -> "asyncio.Future[bytes]":
    """Return a future that is done after so many milliseconds, at most a day."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bytes] = loop.create_future()
    bounded = min(max(duration_ms, 0.0), SLEEP_MS_MAX) if not math.isnan(duration_ms) else 0.0
    timer = loop.call_later(bounded / 1000, _wake, future)
    future.add_done_callback(lambda _future: timer.cancel())
    return future


def _wake(future: "asyncio.Future[bytes]") -> None:
    if not future.done():
        future.set_result(b"")
