"""Log lines of several POPs in the order of their times. Pure: the clock is an argument.

POPs tell lines in batches, so a line of one may come after a later one of another. Each is held back for a moment, in
which an earlier one may still arrive; what comes later than that is shown when it comes.
"""

import heapq
from collections.abc import Iterable, Iterator
from typing import Any

HOLD_S = 0.1  # workers hand on lines every 0.05 s

Line = dict[str, Any]


def in_order(lines: Iterable[Line], *, limit: int) -> list[Line]:
    """Return the last ``limit`` lines, the oldest first."""
    return sorted(lines, key=lambda line: line["at_s"])[-limit:]


class Merge:
    """Holds lines back until their turn."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._heap: list[tuple[float, int, float, Line]] = []
        self._count = 0

    def add(self, line: Line, *, now_s: float) -> None:
        """Take a line that has just come."""
        self._count += 1
        heapq.heappush(self._heap, (line["at_s"], self._count, now_s + self._hold_s, line))

    def ready(self, *, now_s: float) -> Iterator[Line]:
        """Yield the lines whose time has come, and those that are earlier than one of them."""
        due_at_s = max((at_s for at_s, _, due_s, _ in self._heap if due_s <= now_s), default=None)
        while due_at_s is not None and self._heap and self._heap[0][0] <= due_at_s:
            yield heapq.heappop(self._heap)[3]

    def wait_s(self, *, now_s: float) -> float | None:
        """Return how long until the next line's turn; None when there is none."""
        return max(0.0, min(due_s for _, _, due_s, _ in self._heap) - now_s) if self._heap else None

    def rest(self) -> Iterator[Line]:
        """Yield everything that is left."""
        while self._heap:
            yield heapq.heappop(self._heap)[3]
