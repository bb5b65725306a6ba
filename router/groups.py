"""Groups of viewers, by prefix: what was measured for each, kept within a bound.

Pure. A group is a /24 or /48. Groups in use are objects; the others are packed into some 60 bytes each. Both
tables have two generations: when the younger is full it becomes the older, and what was not asked for
meanwhile is dropped, so that random IPv6 sources cannot fill them. Prefixes are stored, never addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from router.field import Prior, Vector, Zone
from router.location import Location
from router.posterior import Posterior
from router.samples import RTT_MS_MAX, Samples

HOT_MAX = 4_096  # in each of two generations; some 3 KB each
PACKED_MAX = 262_144  # in each of two generations
_HEAD = Struct("<IB")  # requests, samples
_SAMPLE = Struct("<HBHI")  # POP, count, floor in 0.2 ms, instant in s
_STEP_MS = 0.2
_SAMPLES_MAX = 12


@dataclass(slots=True, eq=False)
class Group:
    """One group in use.

    ``look_at`` is the request count at which the next look elsewhere may pay off, ``look_worth`` the one (with the
    head start) at which it does at the usual price.
    """

    key: int
    ticket: float  # 0 to 1, by hash: which part of a warming POP's viewers the group belongs to
    point: Vector | None
    zone: Zone | None
    network: str
    samples: dict[int, Samples]
    requests: int = 0
    prior: Prior | None = None
    prior_change: int = -1
    picture: Posterior | None = None
    epoch: int = -1
    chosen: int = -1
    look_at: float = 0.0
    look_worth: float = 0.0
    looked_s: float = float("-inf")
    unanswered: int = 0
    misplaced: bool = False
    local: bool = False
    decision: object = None


class GroupTable:
    """Finds groups by prefix key."""

    __slots__ = ("_hot", "_hot_max", "_packed", "_packed_max", "_packed_old", "_warm")

    def __init__(self, hot_max: int = HOT_MAX, packed_max: int = PACKED_MAX) -> None:
        self._hot: dict[int, Group] = {}
        self._warm: dict[int, Group] = {}
        self._packed: dict[int, bytes] = {}
        self._packed_old: dict[int, bytes] = {}
        self._hot_max = hot_max
        self._packed_max = packed_max

    def __len__(self) -> int:
        return len(self._hot) + len(self._warm) + len(self._packed) + len(self._packed_old)

    def get(self, key: int) -> Group | None:
        """Return a group in use, None for one that is packed or unknown."""
        group = self._hot.get(key)
        if group is None:
            group = self._warm.pop(key, None)
            if group is not None:
                self.put(group)
        return group

    def put(self, group: Group) -> None:
        """Take a group into use; the least used ones are packed to make room."""
        if len(self._hot) >= self._hot_max:
            for old in self._warm.values():
                self._pack(old)
            self._warm, self._hot = self._hot, {}
        self._hot[group.key] = group

    def unpack(self, key: int) -> tuple[dict[int, Samples], int]:
        """Return what was kept of a group: its samples by POP, and its requests.

        Nothing for an unknown one.
        """
        packed = self._packed.pop(key, None) or self._packed_old.pop(key, None)
        return ({}, 0) if packed is None else unpack_samples(packed)

    def kept(self, key: int) -> dict[int, Samples]:
        """Return the samples of a packed group without taking it into use; none for an unknown one."""
        packed = self._packed.get(key) or self._packed_old.get(key)
        return {} if packed is None else unpack_samples(packed)[0]

    def keep(self, key: int, samples: dict[int, Samples]) -> None:
        """Keep samples of a group that is not in use, packed."""
        self._make_room()
        self._packed[key] = pack_samples(samples, 0)

    def in_use(self) -> Iterator[Group]:
        """Yield the groups in use."""
        yield from self._hot.values()
        yield from self._warm.values()

    def _pack(self, group: Group) -> None:
        if not group.samples:
            return
        self._make_room()
        self._packed[group.key] = pack_samples(group.samples, group.requests)

    def _make_room(self) -> None:
        if len(self._packed) >= self._packed_max:
            self._packed_old, self._packed = self._packed, {}


def pack_samples(samples: dict[int, Samples], requests: int) -> bytes:
    """Return a group's samples in 5 + 9 bytes per POP, the least round trips first, at most 12 POPs."""
    kept = sorted(samples.items(), key=lambda item: item[1].floor_ms)[:_SAMPLES_MAX]
    parts = [_HEAD.pack(min(requests, 0xFFFFFFFF), len(kept))]
    for pop, found in kept:
        floor = min(0xFFFF, round(found.floor_ms / _STEP_MS))
        instant = min(max(0, int(found.last_s)), 0xFFFFFFFF)
        parts.append(_SAMPLE.pack(pop, min(found.count, 255), floor, instant))
    return b"".join(parts)


def unpack_samples(packed: bytes) -> tuple[dict[int, Samples], int]:
    """Return what ``pack_samples`` packed; floors to 0.1 ms."""
    requests, count = _HEAD.unpack_from(packed)
    samples: dict[int, Samples] = {}
    for i in range(count):
        pop, number, floor, instant = _SAMPLE.unpack_from(packed, _HEAD.size + i * _SAMPLE.size)
        found = Samples(min(RTT_MS_MAX, floor * _STEP_MS), float(instant))
        found.count = number
        samples[pop] = found
    return samples, requests


def network_of(location: Location) -> str:
    """Return the name of the viewer's network, "" when it is unknown: peers share it."""
    if location.asn is None:
        return ""
    return f"{location.asn}/{location.country or ''}"
