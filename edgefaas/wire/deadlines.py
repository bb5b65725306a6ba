"""A coarse timer wheel: many deadlines, few timers.

Pure. A request costs no timer: renewing a deadline is one assignment, because an entry that comes up too early
is put off to where its deadline moved. Precision is one tick of the caller (about a second), late, never early.
"""

import math
from typing import Generic, Protocol, TypeVar


class Mortal(Protocol):
    """What can expire: ``deadline_s`` is math.inf while nothing is due; ``wheel_slot`` belongs to the wheel."""

    deadline_s: float
    wheel_slot: int


M = TypeVar("M", bound=Mortal)

NOT_QUEUED = -1


class DeadlineWheel(Generic[M]):
    """Holds items by the tick (``tick_s`` seconds long) in which they may expire."""

    def __init__(self, tick_s: float = 1.0) -> None:
        self._tick_s = tick_s
        self._slots: dict[int, list[M]] = {}
        self._passed = -1

    def __bool__(self) -> bool:
        return bool(self._slots)

    def set(self, item: M, deadline_s: float) -> None:
        """Give ``item`` a new deadline (math.inf: none)."""
        item.deadline_s = deadline_s
        slot = item.wheel_slot
        if deadline_s < (slot - 1) * self._tick_s or (slot == NOT_QUEUED and deadline_s < math.inf):
            self._queue(item)

    def _queue(self, item: M) -> None:
        slot = max(math.ceil(item.deadline_s / self._tick_s), self._passed + 1)
        item.wheel_slot = slot
        self._slots.setdefault(slot, []).append(item)

    def advance(self, now_s: float) -> list[M]:
        """Return the items whose deadline is over, and forget them."""
        expired: list[M] = []
        for slot in sorted(slot for slot in self._slots if slot * self._tick_s <= now_s):
            for item in self._slots.pop(slot):
                if item.wheel_slot != slot:
                    continue  # queued anew in an earlier slot since
                item.wheel_slot = NOT_QUEUED
                if item.deadline_s <= now_s:
                    expired.append(item)
                elif item.deadline_s < math.inf:
                    self._queue(item)
            self._passed = max(self._passed, slot)
        return expired
