"""Lines of the access log on their way to the file: gathered, bounded, written in a thread.

A request costs making its line and appending it to a list, after its answer is out. A disk that is full or slow costs
lines, which are counted, and never an answer.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from edgefaas.accesslog.file import AppendedFile
from edgefaas.accesslog.formats import FORMATS, Context
from edgefaas.contract import Exchange
from edgefaas.site import AccessLogPolicy

FLUSH_EVERY_S = 0.2
PENDING_BYTES_MAX = 8 * 1024 * 1024
BLOCK_BYTES_MAX = 1024 * 1024

log = logging.getLogger("edgefaas.accesslog")


class AccessLog:
    """The access log of one worker. Make it inside the running loop."""

    def __init__(self, policy: AccessLogPolicy, *, pop: str, wall_s: Callable[[], float]) -> None:
        form = FORMATS[policy.format]
        assert policy.file is not None
        self._line = form.line
        self._policy = policy
        self._pop = pop
        self._wall_s = wall_s
        self._loop = asyncio.get_running_loop()
        self._file = AppendedFile(
            policy.file, header=form.header, max_bytes=policy.file_bytes, kept=policy.files_kept
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="edgefaas-access-log")
        self._lines: list[bytes] = []
        self._pending_bytes = 0
        self._due: asyncio.TimerHandle | None = None
        self._writing: Future[None] | None = None
        self._failing = False
        self.written = 0
        self.dropped = 0

    def note(self, exchange: Exchange, word: str) -> None:
        """Take one exchange that has ended. Never blocks, never raises."""
        context = Context(at_s=self._wall_s(), word=word, pop=self._pop, cookies=self._policy.cookies)
        line = self._line(exchange, context)
        if self._pending_bytes + len(line) > PENDING_BYTES_MAX:
            self.dropped += 1
            return
        self._lines.append(line)
        self._pending_bytes += len(line)
        if self._due is None and self._writing is None:
            self._due = self._loop.call_later(FLUSH_EVERY_S, self._flush)

    def wanted(self, policy: AccessLogPolicy, pop: str) -> bool:
        """Say whether this is the log that a site asks for."""
        return (policy, pop) == (self._policy, self._pop)

    def stats(self) -> dict[str, int]:
        """Return how many lines are in the file, and how many were lost."""
        return {"written": self.written, "dropped": self.dropped}

    def _flush(self) -> None:
        """Hand the next block to the thread."""
        self._due = None
        count, size = 0, 0
        while count < len(self._lines) and size < BLOCK_BYTES_MAX:
            size += len(self._lines[count])
            count += 1
        if not count:
            return
        block = b"".join(self._lines[:count])
        del self._lines[:count]
        self._pending_bytes -= size
        self._writing = self._thread.submit(self._file.write, block)
        self._writing.add_done_callback(
            lambda done: self._loop.call_soon_threadsafe(self._written, done, count)
        )

    def _written(self, done: "Future[None]", count: int) -> None:
        self._writing = None
        self._counted(done, count)
        if self._lines and self._due is None:
            self._due = self._loop.call_later(FLUSH_EVERY_S, self._flush)

    def _counted(self, done: "Future[None]", count: int) -> None:
        error = done.exception()
        if error is None:
            self.written += count
        else:
            self.dropped += count
            if not self._failing:
                log.error("the access log %s cannot be written: %s", self._policy.file, error)
        self._failing = error is not None

    async def close(self) -> None:
        """Write what is pending, and let go of the file."""
        if self._due is not None:
            self._due.cancel()
        while self._lines or self._writing is not None:
            if self._writing is None:
                self._flush()
            if self._writing is not None:
                await asyncio.wait([asyncio.wrap_future(self._writing)])
                await asyncio.sleep(0)  # ``_written`` runs
                if self._due is not None:
                    self._due.cancel()
                    self._due = None
        self._thread.submit(self._file.close)
        self._thread.shutdown(wait=False)
