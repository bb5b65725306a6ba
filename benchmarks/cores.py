"""Which core serves, which one loads, and which one plays the origin.

Every server of a comparison is pinned to the same single core, and the generator to another, so that a server
is never helped by a neighbour's idle core and never robbed by its own load. ``plan`` is pure.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Core numbers; ``generator`` equals ``server`` only when the machine lends us a single core."""

    server: int
    generator: int
    origin: int

    @property
    def separate(self) -> bool:
        """Return whether server and generator have a core each."""
        return self.server != self.generator


def plan(available: Iterable[int]) -> Cores:
    """Take the highest cores: the lowest get most interrupts. ``available`` must not be empty."""
    highest = sorted(available, reverse=True)
    assert highest, "a process always has a core"
    return Cores(
        server=highest[0],
        generator=highest[1 % len(highest)],
        origin=highest[min(2, len(highest) - 1)],
    )


def own_cores() -> Cores:
    """Return the plan for the cores that this process may use."""
    return plan(os.sched_getaffinity(0))


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run on one core for the duration of the block; what is started inside inherits it for good."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
