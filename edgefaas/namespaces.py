"""Which requests may share what is stored, beyond what URI and cache policy say. Pure.

A stored response is what one origin said through one behaviour: its functions, its forwarding, its policy. Two requests
for one URI may still mean different things: behaviours with other origins, a function that rewrote the path into what
another behaviour covers, a viewer-request function that chose the origin by what the viewer sent, a canary of what
makes or changes what is stored. Their objects are kept apart, so that neither can poison the other's. Purges go by
URI and reach all of them.
"""

from collections.abc import Mapping
from dataclasses import fields
from hashlib import blake2b

from edgefaas.events import Continue
from edgefaas.events.origins import OriginChange
from edgefaas.site import Behaviour

_DIGEST_BYTES = 16


def namespace_of(behaviour: Behaviour, turned: Continue, *, at_home: bool, canaries: str = "") -> str:
    """Return the namespace of the cache key.

    ``turned`` is what viewer-request made of the request; ``at_home`` whether its path still falls under
    ``behaviour``; ``canaries`` what ``Arms.namespace`` says of the request. An origin that a function chose is told by
    a digest: it may hold secret header fields.
    """
    namespace = behaviour.origin or ""
    if not at_home:
        namespace += f" through {behaviour.pattern}"
    if turned.origin is not None or turned.host is not None:
        chosen = repr((_in_order(turned.origin), turned.host)).encode("utf-8", "surrogatepass")
        namespace += f" at {blake2b(chosen, digest_size=_DIGEST_BYTES).hexdigest()}"
    return namespace + canaries


def _in_order(change: OriginChange | None) -> list[tuple[str, object]]:
    """Return the fields of what was chosen, each in one order: equal choices must have equal digests."""
    if change is None:
        return []
    told: list[tuple[str, object]] = [("kind", type(change).__name__)]
    for field in fields(change):
        value = getattr(change, field.name)
        if isinstance(value, Mapping):
            value = sorted(value.items())
        elif isinstance(value, frozenset):
            value = sorted(value)
        told.append((field.name, value))
    return told
