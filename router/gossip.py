"""What POPs tell each other of their viewers: least round trips by prefix. Values that msgpack or JSON can carry.

Pure. A POP tells only what it measured itself, so that nothing goes round. Prefixes are told, never
addresses. A message is bounded, and read with suspicion: whatever is not in the agreed form is refused as a
whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router.errors import GossipError
from router.samples import RTT_MS_MAX

VERSION = 1
PATHS_MAX = 2_048  # in one message; about 30 bytes each
_PREFIX_MAX = 1 << 49  # see address.prefix_key
_AGE_S_MAX = 86_400.0
_REMEDY = "Run the same version of edgefaas on all POPs."


@dataclass(frozen=True, slots=True)
class ToldPath:
    """One group's path to one POP: prefix key, POP name, least round trip, number of samples, age."""

    prefix: int
    pop: str
    rtt_ms: float
    count: int
    age_s: float


def encode_paths(paths: Sequence[ToldPath]) -> dict[str, object]:
    """Return the message. At most ``PATHS_MAX`` paths; more are an error of ours."""
    assert len(paths) <= PATHS_MAX
    rows = [[p.prefix, p.pop, round(p.rtt_ms, 2), p.count, round(p.age_s, 1)] for p in paths]
    return {"v": VERSION, "paths": rows}


def decode_paths(message: object) -> list[ToldPath]:
    """Return what a peer's message says.

    Raises:
        GossipError: another version, too long, or a field that is not what it should be (the peer).
    """
    if not isinstance(message, Mapping) or message.get("v") != VERSION:
        raise GossipError("the gossip is not of version 1", remedy=_REMEDY)
    rows = message.get("paths")
    if not isinstance(rows, (list, tuple)) or len(rows) > PATHS_MAX:
        raise GossipError(f"the gossip's paths are no list of at most {PATHS_MAX}", remedy=_REMEDY)
    return [_path(row) for row in rows]


def _path(row: object) -> ToldPath:
    match row:
        case [int(prefix), str(pop), int() | float() as rtt_ms, int(count), int() | float() as age_s] if (
            0 <= prefix < _PREFIX_MAX
            and 0 < rtt_ms <= RTT_MS_MAX
            and count >= 1
            and 0 <= age_s <= _AGE_S_MAX
            and not isinstance(prefix, bool)
        ):
            return ToldPath(prefix, pop, float(rtt_ms), min(count, 255), float(age_s))
    raise GossipError("a path in the gossip is not [prefix, POP, ms, count, age]", remedy=_REMEDY)
