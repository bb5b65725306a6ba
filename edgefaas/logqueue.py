"""A worker's log lines on their way to the supervisor: batched, bounded, never in a request's way."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from edgefaas.contract import LogLine

FLUSH_EVERY_S = 0.05
BATCH_LINES = 500
PENDING_LINES_MAX = 20_000
TEXT_MAX = 8_192  # characters of one line
RATE_PER_S = 4_000  # lines of one worker; a supervisor follows 8 such workers with one core to spare

PlainLine = list[Any]
"""``[at_s, request_id, level, text, function, version, fields]``."""


class LogQueue:
    """A ``LogSink``. What is over the rate or finds the queue full is dropped; a later line counts it."""

    def __init__(
        self,
        send: Callable[[list[PlainLine]], bool],
        *,
        loop: asyncio.AbstractEventLoop,
        wall_s: Callable[[], float],
    ) -> None:
        self._send = send  # returns False when the other end does not take more for now
        self._loop = loop
        self._wall_s = wall_s
        self._pending: list[PlainLine] = []
        self._timer: asyncio.TimerHandle | None = None
        self._dropped = 0
        self._allowance = float(RATE_PER_S)
        self._refilled_s = loop.time()

    def __call__(self, line: LogLine) -> None:
        """Take one line. Never blocks, never raises."""
        if len(self._pending) >= PENDING_LINES_MAX or not self._within_rate():
            self._dropped += 1
            return
        self._pending.append(
            [
                line.at_s,
                line.request_id,
                line.level,
                line.text[:TEXT_MAX],
                line.function,
                line.version,
                dict(line.fields),
            ]
        )
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_EVERY_S, self.flush)

    def _within_rate(self) -> bool:
        if self._allowance < 1:
            now_s = self._loop.time()
            self._allowance = min(RATE_PER_S, self._allowance + (now_s - self._refilled_s) * RATE_PER_S)
            self._refilled_s = now_s
            if self._allowance < 1:
                return False
        self._allowance -= 1
        return True

    def flush(self) -> None:
        """Send what is pending, as far as the other end takes it."""
        self._timer = None
        if self._dropped and len(self._pending) < PENDING_LINES_MAX:
            text = f"{self._dropped} log lines were dropped: more than {RATE_PER_S} a second"
            self._pending.append([self._wall_s(), "", "warn", text, "", "", {}])
            self._dropped = 0
        while self._pending:
            batch = self._pending[:BATCH_LINES]
            if not self._send(batch):
                break
            del self._pending[: len(batch)]
        if self._pending:
            self._timer = self._loop.call_later(FLUSH_EVERY_S * 4, self.flush)


class LogQueueHandler(logging.Handler):
    """Passes the worker's own warnings on, so that ``edgefaas logs`` shows them too."""

    def __init__(self, queue: LogQueue, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._queue = queue
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record, from whichever thread."""
        level = "error" if record.levelno >= logging.ERROR else "warn"
        line = LogLine(
            at_s=record.created,
            request_id="",
            level=level,
            text=record.getMessage(),
            fields={"logger": record.name},
        )
        try:
            self._loop.call_soon_threadsafe(self._queue, line)
        except RuntimeError:  # the loop is closed: the process ends
            return
