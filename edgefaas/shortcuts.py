"""Which short cuts past the journey a site leaves room for: one value, made when the site is built. Pure.

A short cut is taken where nobody can tell the difference, so whatever of the site asks for more of a request than its
behaviour does closes the ones that would not see to it.
"""

from dataclasses import dataclass
from typing import Protocol

from edgefaas.site import Site


class Facing(Protocol):
    """What is asked of the front: see ``front.Front``."""

    @property
    def steers(self) -> bool:
        """Whether requests may be sent to other POPs."""
        ...

    @property
    def takes_all(self) -> bool:
        """Whether every request is answered here, and its peer is the viewer."""
        ...

    @property
    def may_serve(self) -> bool:
        """Whether this is a POP that viewers reach without proxies."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcuts:
    """What may be cut short.

    ``hits``: answered by their target alone (``express``); ``functions``: started before their request is looked at
    (``ahead``); ``misses``: sent to their origin at once (``through``).
    """

    hits: bool
    functions: bool
    misses: bool


def shortcuts_of(site: Site, front: Facing) -> Shortcuts:
    """Return what may be cut short at a site that ``front`` receives the requests of."""
    alike = "*" in site.hosts and site.server_timing != "always" and site.pretence is None
    unnoted = (
        site.access_file.file is None
    )  # what is answered before it is a request has no line in that file
    return Shortcuts(
        hits=alike and unnoted and not front.steers and not site.error_pages and site.access_log != "all",
        functions=alike and unnoted and front.takes_all,
        misses=alike and front.may_serve,
    )
