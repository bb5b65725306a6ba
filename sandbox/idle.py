"""The instances that a program keeps from one request to the next: of itself alone, so of one tenant.

All programs of a kind keep theirs on one shelf, which bounds their bytes; all of a worker in one room, which bounds
their number.
"""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sandbox.shelf import Shelf

if TYPE_CHECKING:
    from sandbox.capi import RecycledStore
    from sandbox.room import Keeper, Room


class Instance:
    """An instance, and where it is kept: on the shelf from its first return until it is dropped, also while it runs.

    It fits requests that may have ``memory_bytes``, and that want ``image`` when it is not None.
    """

    __slots__ = ("home", "image", "memory_bytes", "store")

    def __init__(
        self, home: "IdleInstances[Any]", store: "RecycledStore", memory_bytes: int, image: Any = None
    ) -> None:
        self.home = home
        self.store = store
        self.memory_bytes = memory_bytes
        self.image = image


Kept = TypeVar("Kept", bound=Instance)


def idle_shelf(room_bytes: int) -> "Shelf[Instance, None]":
    """Return the shelf of a kind; what it gives up is given up by its program."""
    return Shelf(room_bytes, lambda instance: instance.home.put_down(instance))


class IdleInstances(Generic[Kept]):
    """Those of one program, ``keeper``; the youngest is used first, the oldest given up first."""

    def __init__(self, keeper: "Keeper", room: "Room", shelf: "Shelf[Instance, None]") -> None:
        self._keeper = keeper
        self._room = room
        self._shelf = shelf
        self._idle: list[Kept] = []

    def __len__(self) -> int:
        return len(self._idle)

    def __getitem__(self, index: int) -> Kept:
        return self._idle[index]

    def take(self, memory_bytes: int, image: object = None) -> Kept | None:
        """Return the youngest one that fits, None when there is none: its memory is likeliest in the cache.

        Those that do not fit are given up: limits and environments change with a deploy, and not back.
        """
        while self._idle:
            idle = self._idle.pop()  # stays on the shelf: it will be back in a moment
            self._room.unpark(self._keeper)
            if idle.memory_bytes == memory_bytes and idle.image is image:
                return idle
            self.drop(idle)
        return None

    def keep(self, instance: Kept, size_bytes: int) -> bool:
        """Keep one whose request has ended; False where there is no room. ``size_bytes`` is what it holds."""
        if not self._room.park(self._keeper):
            return False
        self._idle.append(instance)
        self._shelf.put(instance, None, size_bytes)
        return True

    def drop(self, instance: Kept) -> None:
        """Give up one that is not idle."""
        self._shelf.take(instance)
        instance.store.close()

    def drop_oldest(self) -> bool:
        """Give up the oldest for the room, which counts it out by itself; False when there is none."""
        if not self._idle:
            return False
        self.drop(self._idle.pop(0))
        return True

    def put_down(self, instance: Kept) -> None:
        """Give up one that the shelf has no room for, and its place; one that runs is left to its invocation."""
        if instance in self._idle:
            self._idle.remove(instance)
            self._room.unpark(self._keeper)
            instance.store.close()
