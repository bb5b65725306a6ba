"""Answer a hit that was answered before, without deciding it again. No clock of its own, no sockets.

What the journey decides about a plain GET (behaviour, key, verdict) depends on scheme, host, target, site
and what is stored, and on nothing else. So once it has answered one from the store, that is remembered,
and holds as long as exactly that response is stored, alone and fresh. Everything else that could change the
answer is excluded when it is remembered (``memorable``), makes the request not plain (``plain`` of the wire's
facts), or drops the memo (another site). A property test compares its octets with the journey's.
"""

from dataclasses import dataclass
from typing import NamedTuple

from edgefaas.cache import MemoryStore, StoredResponse, hit_octets, prepared_hit
from edgefaas.message import Headers, Prepared, Request
from edgefaas.site import Behaviour, Trigger
from edgefaas.telemetry import Meter

REMEMBERED_MAX = 65_536
PLACE_CHARS_MAX = 512  # of host, target and Accept-Encoding; what is longer goes the long way every time
Place = tuple[str, str, bytes, str]
"""Scheme, host, raw target and Accept-Encoding of a plain GET."""
Conditions = tuple[tuple[str, str], ...]
"""The lines of If-None-Match and If-Modified-Since."""
_NOT_MODIFIED = b"HTTP/1.1 304"
_VIEWER_TRIGGERS = (Trigger.VIEWER_REQUEST, Trigger.VIEWER_RESPONSE)


def memorable(behaviour: Behaviour, stored: StoredResponse) -> bool:
    """Return whether every plain GET for the same host and target gets this stored response.

    Not with viewer functions, nor where header fields or cookies join the key, nor for one variant of
    several, nor where viewers must show a signature or be on HTTPS.
    """
    policy = behaviour.cache
    return (
        not stored.selectors
        and stored.partial is None
        and isinstance(stored.body, bytes)
        and not policy.headers
        and policy.cookies.mode in ("forward", "none")
        and not behaviour.trusted_keys
        and behaviour.viewer_protocol.value == "allow-all"
        and not any(trigger in behaviour.triggers for trigger in _VIEWER_TRIGGERS)
    )


class Memo(NamedTuple):
    """Which stored response answered, and in which content coding ("" for its own).

    It says so without holding it: what the store evicts is let go of. One with this address and these instants
    is the same, or the same again from disk.
    """

    key: str
    address: int
    arrived_s: float
    birth_s: float
    coding: str


@dataclass(slots=True)
class Express:
    """The hits remembered for one site; bounded in number and in octets."""

    store: MemoryStore
    pop: str
    known: dict[Place, Memo]
    meter: Meter

    def remember(self, request: Request, stored: StoredResponse, shown: StoredResponse) -> None:
        """Note that a plain GET like ``request`` is answered by ``stored``, in its form ``shown``."""
        codings = request.headers.get("accept-encoding") or ""
        if len(request.path) + len(request.query) + len(request.host) + len(codings) > PLACE_CHARS_MAX:
            return
        forms = stored.forms or {}
        coding = "" if shown is stored else next((name for name in forms if forms[name] is shown), None)
        if coding is None:
            return
        if len(self.known) >= REMEMBERED_MAX:
            self.known.clear()
        target = request.target.encode("latin-1")
        self.known[request.scheme, request.host, target, codings] = Memo(
            stored.key, id(stored), stored.response_time_s, stored.birth_s, coding
        )

    def answer(
        self, place: Place, now_s: float, request_id: str, conditions: Conditions = ()
    ) -> Prepared | None:
        """Return the octets of the hit (a 304 where ``conditions`` hold), or None when the journey has to decide."""
        memo = self.known.get(place)
        if memo is None:
            return None
        key, address, arrived_s, birth_s, coding = memo
        variants = self.store.get(key)
        if (
            len(variants) != 1
            or id(stored := variants[0]) != address
            or stored.response_time_s != arrived_s
            or stored.birth_s != birth_s
            or not stored.is_fresh(now_s)
            or (shown := (stored.forms or {}).get(coding) if coding else stored) is None
        ):
            del self.known[place]
            return None
        if not conditions:
            prepared = hit_octets(shown, now_s, self.pop, request_id)
        elif len(conditions) == 1:
            ((name, value),) = conditions
            tag, since = (value, None) if name == "if-none-match" else (None, value)
            prepared = hit_octets(shown, now_s, self.pop, request_id, none_match=tag, since=since)
        else:
            asking = Request(method="GET", path="/", headers=Headers(conditions))
            prepared = prepared_hit(asking, shown, now_s, self.pop, request_id)
        if prepared is not None:
            self.meter.express_hits += 1
            if conditions and prepared.head.startswith(_NOT_MODIFIED):
                self.meter.express_others[304] += 1
            elif shown.status != 200:  # noqa: PLR2004
                self.meter.express_others[shown.status] += 1
            self.meter.body_bytes += len(prepared.body)
        return prepared
