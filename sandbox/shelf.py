"""What a worker keeps for functions that are not running, within bounds: full images, and idle instances.

A function that nobody calls costs its name and a few facts: its image is on disk. What is kept is given up
oldest first, over all functions, so a thousand of them cost what the few dozen that are called need.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import orjson

Key = TypeVar("Key")
Thing = TypeVar("Thing")


class Shelf(Generic[Key, Thing]):
    """Things by key, at most ``room_bytes`` of them; the least recently used is given up first.

    ``give_up`` is told of every key that is given up for want of room. The newest thing always stays.
    """

    def __init__(self, room_bytes: int, give_up: Callable[[Key], None] = lambda _key: None) -> None:
        self.room_bytes = room_bytes
        self.used_bytes = 0
        self._give_up = give_up
        self._things: OrderedDict[Key, tuple[Thing, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: Key) -> Thing | None:
        """Return what is there, and count it as used now."""
        found = self._things.get(key)
        if found is None:
            return None
        self._things.move_to_end(key)
        return found[0]

    def put(self, key: Key, thing: Thing, size_bytes: int) -> None:
        """Keep a thing, giving up others as needed."""
        known = self._things.get(key)
        if known is not None:
            if known[0] is thing and known[1] == size_bytes:
                self._things.move_to_end(key)
                return
            self.take(key)
        self._things[key] = (thing, size_bytes)
        self.used_bytes += size_bytes
        while self.used_bytes > self.room_bytes and len(self._things) > 1:
            oldest, (_, freed) = self._things.popitem(last=False)
            self.used_bytes -= freed
            self._give_up(oldest)

    def clear(self, wanted: Callable[[Key], bool]) -> None:
        """Remove everything whose key is wanted."""
        for key in [key for key in self._things if wanted(key)]:
            self.take(key)

    def take(self, key: Key) -> Thing | None:
        """Remove what is there and return it."""
        found = self._things.pop(key, None)
        if found is None:
            return None
        self.used_bytes -= found[1]
        return found[0]


def image_key(program: str, environment: Mapping[str, str]) -> str:
    """Return the name of a program's image for one environment; that of the program alone is its own name."""
    digest = hashlib.blake2b(orjson.dumps(sorted(environment.items())), digest_size=16)
    return f"{program} {digest.hexdigest()}"


def forget_images(shelf: Shelf[str, Thing], program: str) -> None:
    """Let go of a program's images, for every environment."""
    shelf.clear(lambda key: key.partition(" ")[0] == program)
