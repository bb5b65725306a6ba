"""The last log lines of a POP, in bounded memory: as the JSON that is written to the file, not as objects.

A line of a request is some 300 bytes of JSON and was 900 as a dictionary, and a function may log long ones. So the ring
is bounded in lines and in bytes; who asks for some of its lines reads them back.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import orjson

RING_LINES = 10_000
RING_BYTES = 4 * 1024 * 1024
OVERHEAD_BYTES = 48  # of an object of octets and its place in the ring

Line = dict[str, Any]
"""``at_s``, ``worker``, ``request_id``, ``level``, ``text``, ``function``, ``version``, and any fields."""


class LogRing:
    """Keeps the last lines, at most ``lines_max`` and ``bytes_max`` of them, overhead included."""

    def __init__(self, *, lines_max: int = RING_LINES, bytes_max: int = RING_BYTES) -> None:
        self._texts: deque[bytes] = deque()
        self._lines_max = lines_max
        self._bytes_max = bytes_max
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._texts)

    def extend(self, texts: Iterable[bytes]) -> None:
        """Take lines, each the JSON of one; the oldest make room. A line over ``bytes_max`` is not kept."""
        kept = self._texts
        for text in texts:
            # A copy: orjson writes into a large buffer and shrinks it, and what is kept of that keeps 4 kB (measured).
            kept.append(bytes(memoryview(text)))
            self.bytes += len(text) + OVERHEAD_BYTES
            while len(kept) > self._lines_max or self.bytes > self._bytes_max:
                self.bytes -= len(kept.popleft()) + OVERHEAD_BYTES

    def last(self, matches: Callable[[Line], bool], *, limit: int) -> list[Line]:
        """Return the last matching lines, the oldest first."""
        found: list[Line] = []
        for text in reversed(self._texts):
            if len(found) >= limit:
                break
            line: Line = orjson.loads(text)
            if matches(line):
                found.append(line)
        found.reverse()
        return found
