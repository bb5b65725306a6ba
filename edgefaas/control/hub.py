"""Where the log lines of all workers meet: a bounded memory of the last, live followers, files for later.

A slow follower loses lines, never delays others: its queue is bounded, and what it missed is counted.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import orjson

from edgefaas.control.logring import RING_LINES, Line, LogRing
from edgefaas.control.thread import DiskThread

FOLLOWER_LINES = 5_000
FOLLOWERS_MAX = 100
FILE_MAX_BYTES = 16 * 1024 * 1024
FILES_KEPT = 8
BATCHES_PENDING_MAX = 200
LEVELS = ("debug", "info", "warn", "error")
_FIELDS = 7  # see logqueue.PlainLine

log = logging.getLogger("edgefaas.logs")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines are wanted; "" and None mean any.

    ``status`` is ``404`` or ``5xx``; ``since_s`` (Unix time) wants what is later.
    """

    function: str = ""
    level: str = ""  # this one and graver
    request_id: str = ""
    text: str = ""
    status: str = ""
    since_s: float = 0.0

    def matches(self, line: Mapping[str, Any]) -> bool:
        """Say whether a line is wanted."""
        if self.function and line["function"] != self.function:
            return False
        if self.level and LEVELS.index(line["level"]) < LEVELS.index(self.level):
            return False
        if self.request_id and line["request_id"] != self.request_id:
            return False
        if self.status and not self._status_matches(str(line.get("status", ""))):
            return False
        return self.text in line["text"] and line["at_s"] > self.since_s

    def _status_matches(self, status: str) -> bool:
        return len(status) == len(self.status) and all(
            wanted in ("x", digit) for wanted, digit in zip(self.status.lower(), status, strict=True)
        )


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
                lines.append(_own_line(f"{self._missed} lines were not sent: this reader is too slow"))
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
        made = [made for item in plain if (made := _line(worker, item))] if isinstance(plain, list) else []
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


class RotatingFile:
    """``pop.jsonl`` and its predecessors ``pop.1.jsonl`` (the youngest) to ``pop.7.jsonl``."""

    def __init__(self, folder: Path, *, max_bytes: int = FILE_MAX_BYTES, kept: int = FILES_KEPT) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._kept = kept
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        self._file = self._path(0).open("ab", buffering=0)  # nothing is left to fail when it is closed
        self._size = self._file.tell()
        self._path(0).chmod(0o600)

    def _path(self, age: int) -> Path:
        return self._folder / (f"pop.{age}.jsonl" if age else "pop.jsonl")

    def write(self, block: bytes) -> None:
        """Append whole lines, then rotate when the file is full. Raises OSError; half a line may be left then."""
        if self._file.closed:  # the rotation before could not open the next one
            self._open()
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._size += len(block)
        if self._size >= self._max_bytes:
            self._rotate()

    def _rotate(self) -> None:
        self._file.close()
        for age in reversed(range(self._kept - 1)):
            if self._path(age).exists():
                self._path(age).replace(self._path(age + 1))
        self._open()

    def tail(self, limit: int) -> list[bytes]:
        """Return the last lines of the present file; half a line, left by a kill, is skipped."""
        lines: deque[bytes] = deque(maxlen=limit)
        with self._path(0).open("rb") as file:
            for text in file:
                try:
                    line = orjson.loads(text)
                except orjson.JSONDecodeError:
                    continue
                if isinstance(line, dict) and line.keys() >= _OWN_KEYS and line["at_s"] is not None:
                    lines.append(text)
        return list(lines)

    def close(self) -> None:
        """Close the present file."""
        self._file.close()


_OWN_KEYS = frozenset({"at_s", "worker", "request_id", "level", "text", "function", "version"})


def _line(worker: int, item: Any) -> tuple[Line, bytes] | None:
    """Return a line and its JSON; None for what is no line."""
    if not isinstance(item, list) or len(item) != _FIELDS:
        return None
    at_s, request_id, level, text, function, version, fields = item
    if type(at_s) not in (int, float) or not isfinite(at_s) or type(fields) is not dict:
        return None
    if not (type(request_id) is type(level) is type(text) is type(function) is type(version) is str):
        return None
    line = {
        **fields,
        "at_s": float(at_s),
        "worker": worker,
        "request_id": request_id,
        "level": level if level in LEVELS else "info",
        "text": text,
        "function": function,
        "version": version,
    }
    try:
        return line, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # bytes in a field, a key that is no string, a lone surrogate in a text
        return None


def _own_line(text: str) -> Line:
    return {
        "at_s": 0.0,
        "worker": -1,
        "request_id": "",
        "level": "warn",
        "text": text,
        "function": "",
        "version": "",
    }
