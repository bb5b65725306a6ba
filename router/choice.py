"""Which POP should serve a viewer, and why. Pure: instants are arguments.

In this form the healthy POP nearest by great-circle distance, with a share of the viewers of a POP that warms
up.
"""

from dataclasses import dataclass
from enum import StrEnum

from router.address import packed, prefix_key
from router.distance import fibre_bound_ms
from router.location import Location
from router.mesh import Mesh

INFLATION = 2.0  # median round trip over the fibre bound
LAST_MILE_MS = 4.0
_ALTERNATIVES_MAX = 3


class Reason(StrEnum):
    """Why a POP was chosen."""

    NEAREST = "nearest"
    NOT_PLACED = "not placed"  # nothing is known of where the viewer is
    NONE_IN_SERVICE = "none in service"


@dataclass(frozen=True, slots=True)
class Decision:
    """``pop`` serves the viewer (None: none is in service); ``alternatives`` are the next best, best first.

    ``expected_ms`` is the round trip expected there, ``gain_ms`` how much shorter it is than to this POP.
    """

    pop: str | None
    reason: Reason
    expected_ms: float
    alternatives: tuple[str, ...] = ()
    gain_ms: float | None = None


class Chooser:
    """Chooses for one POP or front router. ``here`` is this POP's name, "" when it serves nothing itself."""

    def __init__(self, mesh: Mesh, *, here: str = "") -> None:
        self._mesh = mesh
        self._here = mesh.index(here) if here else -1
        self._shares = [1.0] * len(mesh)

    def set_health(self, pop: str, share: float) -> None:
        """Say how much of its viewers a POP should get now: 0 to 1, as ``Health.share`` tells."""
        self._shares[self._mesh.index(pop)] = share

    def choose(self, address: str, location: Location, now_s: float) -> Decision:
        """Return the POP for a viewer; never raises."""
        octets = packed(address)
        ticket = 0.0 if octets is None else (prefix_key(octets) * 0x9E3779B97F4A7C15 >> 32 & 0xFFFF) / 0x10000
        usable = [i for i, share in enumerate(self._shares) if share > ticket]
        if not usable:
            usable = [i for i, share in enumerate(self._shares) if share > 0]
        if not usable:
            here = self._mesh.pops[self._here].name if self._here >= 0 else None
            return Decision(here, Reason.NONE_IN_SERVICE, 0.0)
        if location.latitude is None or location.longitude is None:
            chosen = self._here if self._here in usable else usable[int(ticket * len(usable))]
            names = tuple(self._mesh.pops[i].name for i in usable if i != chosen)
            return Decision(
                self._mesh.pops[chosen].name, Reason.NOT_PLACED, LAST_MILE_MS, names[:_ALTERNATIVES_MAX]
            )
        distances = self._mesh.distances_km(location.latitude, location.longitude)
        order = sorted(usable, key=distances.__getitem__)
        expected = [fibre_bound_ms(km) * INFLATION + LAST_MILE_MS for km in distances]
        best = order[0]
        return Decision(
            self._mesh.pops[best].name,
            Reason.NEAREST,
            expected[best],
            tuple(self._mesh.pops[i].name for i in order[1 : 1 + _ALTERNATIVES_MAX]),
            None if self._here < 0 else expected[self._here] - expected[best],
        )
