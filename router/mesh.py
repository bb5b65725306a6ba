"""The POPs of a network: who they are, where they are, how far apart.

Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router.distance import distance_km
from router.errors import MeshError

POPS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop:
    """A point of presence: degrees, and where it answers (``url``, no trailing slash)."""

    name: str
    latitude: float
    longitude: float
    url: str = ""


class Mesh:
    """An ordered set of POPs with unique names. Immutable.

    Raises:
        MeshError: no POP, more than 1,000, a name twice, or coordinates off the globe (the operator).
    """

    __slots__ = ("_index", "pops")

    def __init__(self, pops: Sequence[Pop]) -> None:
        self.pops = tuple(pops)
        if not 1 <= len(self.pops) <= POPS_MAX:
            raise MeshError(
                f"{len(self.pops)} POPs are named; a mesh has 1 to {POPS_MAX}",
                remedy="Name the POPs in edgefaas.toml.",
            )
        self._index = {pop.name: index for index, pop in enumerate(self.pops)}
        if len(self._index) < len(self.pops):
            raise MeshError("two POPs have the same name", remedy="Give each POP a name of its own.")
        for pop in self.pops:
            if not (-90 <= pop.latitude <= 90 and -180 <= pop.longitude <= 180):  # noqa: PLR2004  degrees
                raise MeshError(
                    f'POP "{pop.name}" lies at {pop.latitude}, {pop.longitude}: not on the globe',
                    remedy="Give latitude -90 to 90 and longitude -180 to 180.",
                )

    def __len__(self) -> int:
        return len(self.pops)

    def __iter__(self) -> Iterator[Pop]:
        return iter(self.pops)

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def index(self, name: str) -> int:
        """Return the POP's place in the order. Raises MeshError when there is no such POP."""
        found = self._index.get(name)
        if found is None:
            raise MeshError(f'there is no POP "{name}"', remedy=f"POPs are: {', '.join(self._index)}.")
        return found

    def pop(self, name: str) -> Pop:
        """Return the POP of that name. Raises MeshError when there is none."""
        return self.pops[self.index(name)]

    def distances_km(self, latitude: float, longitude: float) -> list[float]:
        """Return the great-circle distance of each POP from a point."""
        return [distance_km(latitude, longitude, pop.latitude, pop.longitude) for pop in self.pops]
