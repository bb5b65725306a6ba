"""The two sides of every split that is live in this worker, and what a request's side means for its way.

``splits`` is empty while there is no canary, and then this costs a request one look at an empty mapping. What goes by
a name is run under its arm: ``hello``, or ``hello@canary``; no function can be called so.
"""

from collections.abc import Mapping

from edgefaas.contract import Live
from edgefaas.message import Request
from edgefaas.site import Behaviour, DirectoryOrigin, FunctionOrigin, Origin, Trigger
from edgefaas.split import Split, chosen

_ORIGIN_SIDE = (Trigger.ORIGIN_REQUEST, Trigger.ORIGIN_RESPONSE)
_VERSION_SHOWN = 16  # digits in a cache key: whoever finds two versions that share them has broken SHA-256
RELEASE_PREFIX = "origins."


def canary_of(name: str) -> str:
    """Return the name that a function's canary is run under."""
    return f"{name}@canary"


def trial_of(name: str) -> str:
    """Return the name that a version is run under before any viewer gets it."""
    return f"{name}@trial"


def release_of(origin: str) -> str:
    """Return the name that the files of a directory origin are deployed under."""
    return f"{RELEASE_PREFIX}{origin}"


class Arms:
    """The splits of one worker. ``serve`` and ``activate`` tell it what is in force."""

    def __init__(self) -> None:
        self.splits: Mapping[str, Split] = {}
        self._origins: frozenset[str] = frozenset()
        self._known: dict[int, tuple[Behaviour, frozenset[str]]] = {}

    def activate(self, live: Mapping[str, Live]) -> None:
        """Split what has a canary; a canary without its live version is nobody's."""
        self.splits = {
            item.name: item.split
            for item in live.values()
            if item.split is not None and item.name in live and canary_of(item.name) in live
        }

    def serve(self, origins: Mapping[str, Origin]) -> None:
        """Take note of what may answer as an origin in this site."""
        self._known.clear()
        self._origins = frozenset(
            origin.function if isinstance(origin, FunctionOrigin) else release_of(origin.name)
            for origin in origins.values()
            if isinstance(origin, FunctionOrigin | DirectoryOrigin)
        )

    def choose(self, request: Request) -> frozenset[str]:
        """Return the names whose canary this request gets."""
        return chosen(self.splits, request)

    def reaches_store(self, behaviour: Behaviour) -> bool:
        """Return whether a split decides about what ``behaviour`` stores."""
        return bool(self.splits) and not self._storing(behaviour).isdisjoint(self.splits)

    def namespace(self, behaviour: Behaviour, canaries: frozenset[str]) -> str:
        """Return what keeps apart, in the store, what canaries had a part in; "" where none had.

        Named by version, so that what one canary left there is never taken for the next one's.
        """
        reached = self._storing(behaviour) & canaries & self.splits.keys()
        if not reached:
            return ""
        parts = [f"{name}:{self.splits[name].canary[:_VERSION_SHOWN]}" for name in sorted(reached)]
        return f" canary {' '.join(parts)}"

    def _storing(self, behaviour: Behaviour) -> frozenset[str]:
        """Return what may have a part in what is stored: origin-side functions, and every origin of the site.

        Every one, since a function may choose another origin than the behaviour's.
        """
        known = self._known.get(id(behaviour))
        if known is None or known[0] is not behaviour:
            triggers = {name for trigger, name in behaviour.triggers.items() if trigger in _ORIGIN_SIDE}
            known = self._known[id(behaviour)] = (behaviour, self._origins | triggers)
        return known[1]
