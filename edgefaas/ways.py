"""Where the target of a plain GET leads, and a bounded memory of what was found out about that. Pure."""

from collections.abc import Container
from typing import NamedTuple, TypeVar

from edgefaas.errors import RequestError
from edgefaas.routes import Routes
from edgefaas.site import Behaviour
from edgefaas.wire.heads import split_target

WAYS_MAX = 4_096
TARGET_BYTES_MAX = 512  # of a target whose way is remembered; what a viewer makes up costs no more memory

T = TypeVar("T")


class Lead(NamedTuple):
    """What a target says by itself."""

    behaviour: Behaviour
    path: str
    query: str


def lead_of(target: bytes, routes: Routes, never: Container[str]) -> Lead | None:
    """Return where a target leads; None where that is for the journey to say.

    ``never`` are paths that mean something else than what they say.
    """
    try:
        path, query, authority = split_target(target)
        behaviour = routes.match(path)
    except RequestError:  # the journey says what is wrong with it
        return None
    if behaviour is None or authority or path in never:
        return None
    return Lead(behaviour, path, query)


class Ways(dict[bytes, T]):
    """What is known by target. When it is full it begins anew."""

    def keep(self, target: bytes, way: T) -> T:
        """Remember the way of a target that is not too long, and return it."""
        if len(target) <= TARGET_BYTES_MAX:
            if len(self) >= WAYS_MAX:
                self.clear()
            self[target] = way
        return way
