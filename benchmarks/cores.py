"""Which core serves, which one loads, and which one plays the origin.

Every server of a comparison is pinned to the same single core, and the generator to another, so that a server
is never helped by a neighbour's idle core and never robbed by its own load. ``plan`` is pure.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOOK_S = 0.4  # how long the cores are watched before some are chosen
SAME_SHARE = 0.1  # cores whose busy shares differ by less count as equally quiet
IDLE_FIELDS = (3, 4)  # idle and iowait in a line of /proc/stat


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


def plan(busy: Mapping[int, float]) -> Cores:
    """Take the quietest cores; of equally quiet ones the highest, for the lowest get most interrupts.

    ``busy`` has the busy share (0 to 1) of every core that may be used; it must not be empty.
    """
    assert busy, "a process always has a core"
    best = sorted(busy, key=lambda core: (int(busy[core] / SAME_SHARE), -core))
    return Cores(
        server=best[0],
        generator=best[1 % len(best)],
        origin=best[min(2, len(best) - 1)],
    )


def busy_shares(seconds: float = LOOK_S) -> dict[int, float]:
    """Watch the cores that this process may use; return how busy each was, 0 to 1."""
    before = _core_times()
    time.sleep(seconds)
    after = _core_times()
    shares = {}
    for core in os.sched_getaffinity(0):
        idle, total = (now - then for now, then in zip(after[core], before[core], strict=True))
        shares[core] = 1 - idle / total if total else 0.0
    return shares


def _core_times() -> dict[int, tuple[int, int]]:
    """Return (idle ticks, all ticks) of every core."""
    times = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *rest = line.split()
        if name.startswith("cpu") and name != "cpu":
            ticks = [int(value) for value in rest[:8]]
            times[int(name[3:])] = (sum(ticks[place] for place in IDLE_FIELDS), sum(ticks))
    return times


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run on one core for the duration of the block; what is started inside inherits it for good."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
