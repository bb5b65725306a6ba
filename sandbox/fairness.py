"""A queue that serves its owners in turn, so that one function's crowd does not starve another's few.

Pure: no clock, no loop. Used for guests that wait for their next slice and for those that wait for room.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Owner = TypeVar("Owner")
Item = TypeVar("Item")


class FairQueue(Generic[Owner, Item]):
    """First in, first out per owner; round robin over owners. ``count`` is how many items wait."""

    __slots__ = ("_lines", "count")

    def __init__(self) -> None:
        self._lines: OrderedDict[Owner, deque[Item]] = OrderedDict()
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def push(self, owner: Owner, item: Item) -> None:
        """Add an item at the end of its owner's line."""
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = deque()
        line.append(item)
        self.count += 1

    def pop(self) -> Item:
        """Take the first item of the owner whose turn it is; the owner goes to the back. Not when empty."""
        owner, line = next(iter(self._lines.items()))
        item = line.popleft()
        self.count -= 1
        if line:
            self._lines.move_to_end(owner)
        else:
            del self._lines[owner]
        return item

    def next_owner(self) -> Owner:
        """Return whose turn it is. Not when empty."""
        return next(iter(self._lines))

    def discard(self, owner: Owner, item: Item) -> bool:
        """Take an item out wherever it stands; False when it is not there."""
        line = self._lines.get(owner)
        if line is None or item not in line:
            return False
        line.remove(item)
        self.count -= 1
        if not line:
            del self._lines[owner]
        return True
