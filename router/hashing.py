"""Which node of a POP keeps which cache key: consistent hashing with bounded load.

Pure. Each node has many points on a ring; a key belongs to the first node clockwise. When a node has more
than its fair share of what is in flight (times a factor), the key goes on to the next one, the same for
everybody who asks with the same loads. A node that comes or goes moves only its own share of the keys.
Sources: Karger et al. (STOC 1997); Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads"
(SODA 2018).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from math import ceil

from router.errors import MeshError

POINTS_PER_NODE = 160  # shares then differ by about 8 %
LOAD_FACTOR = 1.25


class NodeRing:
    """The nodes of one POP. Immutable; make a new one when nodes come or go.

    Raises:
        MeshError: no node, or a name twice (the operator).
    """

    __slots__ = ("_owners", "_points", "nodes")

    def __init__(self, nodes: Sequence[str]) -> None:
        self.nodes = tuple(nodes)
        if not nodes or len(set(nodes)) != len(nodes):
            raise MeshError(
                f"the nodes {', '.join(nodes) or '(none)'} form no ring",
                remedy="Name each node once, and at least one.",
            )
        ring = sorted(
            (_point(f"{node}#{i}".encode()), node) for node in nodes for i in range(POINTS_PER_NODE)
        )
        self._points = [point for point, _ in ring]
        self._owners = [node for _, node in ring]

    def node(self, key: bytes, in_flight: Mapping[str, int] | None = None) -> str:
        """Return the node for a cache key, passing over nodes that are full.

        ``in_flight`` counts requests per node; a node is full at 1.25 times the mean (rounded up), the new
        request included. Nodes that are missing in it count as down and are passed over. None: nothing is
        known.
        """
        start = bisect_right(self._points, _point(key))
        size = len(self._owners)
        if in_flight is None:
            return self._owners[start % size]
        alive = [node for node in self.nodes if node in in_flight]
        if not alive:
            return self._owners[start % size]
        room = ceil(LOAD_FACTOR * (sum(in_flight[node] for node in alive) + 1) / len(alive))
        for step in range(size):
            owner = self._owners[(start + step) % size]
            load = in_flight.get(owner)
            if load is not None and load < room:
                return owner
        return min(alive, key=in_flight.__getitem__)

    def successors(self, key: bytes) -> list[str]:
        """Return all nodes in the order in which they would take over the key."""
        start = bisect_right(self._points, _point(key))
        size = len(self._owners)
        return list(dict.fromkeys(self._owners[(start + step) % size] for step in range(size)))


def _point(octets: bytes) -> int:
    return int.from_bytes(blake2b(octets, digest_size=8).digest(), "big")
