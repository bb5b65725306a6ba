"""Where the log lines of all workers meet: a bounded memory of the last, live followers, files for later.

A slow follower loses lines, never delays others: its queue is bounded, and what it missed is counted.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from edgefaas.control.logfile import RotatingFile
from edgefaas.control.loglines import LineFilter, own_line, read_line
from edgefaas.control.logring import RING_LINES, Line, LogRing
from edgefaas.control.thread import DiskThread

FOLLOWER_LINES = 5_000
FOLLOWERS_MAX = 100
BATCHES_PENDING_MAX = 200

log = logging.getLogger("edgefaas.logs")


class Follower:
    """One reader of the live stream."""

    def __init__(self, wanted: LineFilter) -> None:
        self.wanted = wanted
        self._lines: deque[Line] = deque()
        self._missed = 0
        self._closed = False
        self._news = asyncio.Event()

    def offer(self, lines: Iterable[Line]) -> None:
        """Queue what is wanted, as far as there is room."""
        for line in lines:
            if not self.wanted.matches(line):
                continue
            if len(self._lines) >= FOLLOWER_LINES:
                self._missed += 1
            else:
                self._lines.append(line)
        if self._lines:
            self._news.set()

    def close(self) -> None:
        """End the stream after what is queued."""
        self._closed = True
        self._news.set()

    async def batches(self, *, idle_s: float) -> AsyncIterator[list[Line]]:
        """Yield lines as they come, and an empty list after ``idle_s`` without any, until closed."""
        while True:
            try:
                async with asyncio.timeout(idle_s):
                    await self._news.wait()
            except TimeoutError:
                yield []
                continue
            self._news.clear()
            lines, self._lines = list(self._lines), deque()
            if self._missed:
                lines.append(own_line(f"{self._missed} lines were not sent: this reader is too slow"))
                self._missed = 0
            if lines:
                yield lines
            if self._closed:
                return


class LogHub:
    """Takes lines from workers, gives them to whoever asks."""

    def __init__(self, folder: Path) -> None:
        self._file = RotatingFile(folder)
        self._disk = DiskThread()
        self._ring = LogRing()
        self._followers: set[Follower] = set()
        self._writing: set[asyncio.Future[None]] = set()
        self._lost_batches = 0
        self.lost_lines = 0

    async def load(self) -> None:
        """Remember the last lines of the run before."""
        self._ring.extend(await self._disk.run(self._file.tail, RING_LINES))

    def take(self, worker: int, plain: Any) -> None:
        """Take a worker's batch. What is not a line is left out: a worker runs strangers' code."""
        made = (
            [made for item in plain if (made := read_line(worker, item))] if isinstance(plain, list) else []
        )
        if not made:
            return
        lines = [line for line, _ in made]
        self._ring.extend(text for _, text in made)
        for follower in self._followers:
            follower.offer(lines)
        if len(self._writing) >= BATCHES_PENDING_MAX:
            self._lost_batches += 1
            self.lost_lines += len(lines)
            return
        block = b"".join(text for _, text in made)
        writing = asyncio.get_running_loop().create_task(self._disk.run(self._file.write, block))
        self._writing.add(writing)
        writing.add_done_callback(partial(self._written, len(lines)))

    def _written(self, lines: int, future: "asyncio.Future[None]") -> None:
        self._writing.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            if not self._lost_batches:
                log.error("log lines cannot be written: %s", error)
            self._lost_batches += 1
            self.lost_lines += lines

    def last(self, wanted: LineFilter, *, limit: int) -> list[Line]:
        """Return the last matching lines, the oldest first."""
        return self._ring.last(wanted.matches, limit=limit)

    def follow(self, wanted: LineFilter) -> Follower | None:
        """Return a reader of what comes from now on; None when there are too many."""
        if len(self._followers) >= FOLLOWERS_MAX:
            return None
        follower = Follower(wanted)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """Forget a reader."""
        self._followers.discard(follower)

    def end_streams(self) -> None:
        """Let every reader come to its end."""
        for follower in self._followers:
            follower.close()

    async def close(self) -> None:
        """Write what is pending and let go of the file."""
        self.end_streams()
        if self._writing:
            await asyncio.wait(set(self._writing))
        await self._disk.run(self._file.close)
        self._disk.close()
