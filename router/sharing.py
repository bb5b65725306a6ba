"""What this router has to tell the others, and what it makes of what they tell.

Pure. Only paths measured here are told on, so that nothing goes round.
"""

from router.gossip import PATHS_MAX, ToldPath, decode_paths, encode_paths
from router.groups import Group, GroupTable
from router.mesh import Mesh
from router.samples import Samples

_NEWS_MAX = 8_192
_AGE_S_MAX = 86_400.0


class PathNews:
    """Paths measured and not yet told, in the order in which they were measured; bounded."""

    __slots__ = ("_groups", "_mesh", "_untold")

    def __init__(self, mesh: Mesh, groups: GroupTable) -> None:
        self._mesh = mesh
        self._groups = groups
        self._untold: dict[tuple[int, int], None] = {}

    def note(self, key: int, pop: int) -> None:
        """Remember to tell of a group's path to a POP; when too much is untold, it is not."""
        if len(self._untold) < _NEWS_MAX:
            self._untold[key, pop] = None

    def tell(self, now_s: float) -> dict[str, object]:
        """Return the next message."""
        told = []
        for key, pop in list(self._untold)[:PATHS_MAX]:
            del self._untold[key, pop]
            group = self._groups.get(key)
            found = None if group is None else group.samples.get(pop)
            if found is not None:
                age_s = min(_AGE_S_MAX, max(0.0, now_s - found.last_s))
                name = self._mesh.pops[pop].name
                told.append(ToldPath(key, name, found.floor_ms, min(found.count, 255), age_s))
        return encode_paths(told)

    def take(self, message: object, now_s: float) -> list[tuple[Group | None, int]]:
        """Take another router's message; return which paths it told of: the group if in use, and the POP.

        Raises:
            GossipError: it is not in the agreed form; nothing of it was taken.
        """
        taken: list[tuple[Group | None, int]] = []
        for path in decode_paths(message):
            if path.pop in self._mesh:
                pop = self._mesh.index(path.pop)
                taken.append((self._take_path(path, pop, now_s), pop))
        return taken

    def _take_path(self, path: ToldPath, pop: int, now_s: float) -> Group | None:
        group = self._groups.get(path.prefix)
        samples = self._groups.kept(path.prefix) if group is None else group.samples
        found = samples.get(pop)
        if found is None:
            found = samples[pop] = Samples(path.rtt_ms, now_s - path.age_s)
        else:
            found.add(path.rtt_ms, max(found.last_s, now_s - path.age_s))
        found.count = max(found.count, path.count)
        if group is None:
            self._groups.keep(path.prefix, samples)
        return group
