"""Answer a hit that was answered before, without deciding it again. No clock of its own, no sockets.

What the journey decides about a plain GET (behaviour, key, verdict) depends on scheme, host, target, site
and what is stored, and on nothing else. So once it has answered one from the store, that is remembered,
and holds as long as exactly that response is stored, alone and fresh. Everything else that could change the
answer is excluded when it is remembered (``memorable``), makes the request not plain (``plain`` of the wire's
facts), or drops the memo (another site). A property test compares its octets with the journey's.

Within one second of its age such an answer is the same but for its request id. So the head that was composed is good
for as long (``Window``), unless the store has changed that place.

Behind a viewer-request function the same holds for requests whose octets are equal, and which the function, which
runs for each of them, lets pass with equal output.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from edgefaas.cache import MemoryStore, Slot, StoredResponse, hit_octets, prepared_hit
from edgefaas.cache.stored import Composed, Wanted
from edgefaas.message import Headers, Prepared, Request
from edgefaas.site import Behaviour, Trigger
from edgefaas.telemetry import Meter

REMEMBERED_MAX = 65_536
PASSAGES_MAX = 2_048
PASSAGE_BYTES_MAX = 8_192  # of target, fields and output; what is longer goes the long way every time
PLACE_CHARS_MAX = 512  # of host, target and Accept-Encoding; what is longer goes the long way every time
Place = tuple[str, str, bytes, str]
"""Scheme, host, raw target and Accept-Encoding of a plain GET."""
Conditions = tuple[tuple[str, str], ...]
"""The lines of If-None-Match and If-Modified-Since."""
Passage = tuple[str, bytes, bytes, str, bytes]
"""Scheme, raw target, raw fields, API and output of a plain GET that a viewer-request function let pass."""
_CONDITIONS = ("if-none-match", "if-modified-since")
_DECIDING = frozenset(
    {"cache-control", "pragma", "range", "if-range", "if-match", "if-unmodified-since", "content-length",
     "transfer-encoding"}
)  # fmt: skip
_NOT_MODIFIED = b"HTTP/1.1 304"
OK = 200
BEFORE_S = (
    1e-6  # a window ends so much too early, for the instant in which one age turns into the next is rounded
)
_VIEWER_TRIGGERS = (Trigger.VIEWER_REQUEST, Trigger.VIEWER_RESPONSE)


def memorable(behaviour: Behaviour, stored: StoredResponse) -> bool:
    """Return whether every plain GET for the same host and target gets this stored response.

    Not with viewer functions, nor where header fields or cookies join the key, nor for one variant of
    several, nor where viewers must show a signature or be on HTTPS.
    """
    policy = behaviour.cache
    return (
        _same_for_equals(stored)
        and not policy.headers
        and policy.cookies.mode in ("forward", "none")
        and not behaviour.trusted_keys
        and behaviour.viewer_protocol.value == "allow-all"
        and not any(trigger in behaviour.triggers for trigger in _VIEWER_TRIGGERS)
    )


def repeatable(behaviour: Behaviour, request: Request, stored: StoredResponse) -> bool:
    """Return whether this stored response answers every plain GET that comes out of its function as ``request``.

    That the fields came in as equal octets is the caller's business, so they may join the key. What a function
    may add that makes the verdict a matter of time, or of parts, may not be there.
    """
    return (
        _same_for_equals(stored)
        and request.body == b""
        and Trigger.VIEWER_RESPONSE not in behaviour.triggers
        and not any(name.lower() in _DECIDING for name, _ in request.headers)
    )


def _same_for_equals(stored: StoredResponse) -> bool:
    return not stored.selectors and stored.partial is None and isinstance(stored.body, bytes)


class Window(NamedTuple):
    """What was found about a memo's response: from ``begins_s`` until ``ends_s`` it need not be found out again.

    As long as ``slot`` has ``changes``, and the head that answers ``conditions`` is the one composed for ``wanted``.
    """

    begins_s: float
    ends_s: float
    slot: Slot
    changes: int
    conditions: Conditions
    wanted: Wanted


@dataclass(slots=True)
class Memo:
    """Which stored response answered, and in which content coding ("" for its own).

    It says so without holding it: what the store evicts is let go of. One with this address and these instants
    is the same; so is one with these instants and the digest of its body, the same again from disk.
    """

    key: str
    address: int
    arrived_s: float
    birth_s: float
    coding: str
    digest: bytes
    plain: Window | None = None
    conditional: Window | None = None


@dataclass(slots=True)
class Express:
    """The hits remembered for one site; bounded in number and in octets."""

    store: MemoryStore
    pop: str
    known: dict[Place, Memo]
    meter: Meter
    passages: dict[Passage, tuple[Memo, Conditions]] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget all: what was decided may be decided otherwise from now on."""
        self.known.clear()
        self.passages.clear()

    def remember(self, request: Request, stored: StoredResponse, shown: StoredResponse) -> None:
        """Note that a plain GET like ``request`` is answered by ``stored``, in its form ``shown``."""
        codings = request.headers.get("accept-encoding") or ""
        if len(request.path) + len(request.query) + len(request.host) + len(codings) > PLACE_CHARS_MAX:
            return
        memo = _memo_of(stored, shown)
        if memo is None:
            return
        if len(self.known) >= REMEMBERED_MAX:
            self.known.clear()
        target = request.target.encode("latin-1")
        self.known[request.scheme, request.host, target, codings] = memo

    def remember_passage(
        self, passage: Passage, request: Request, stored: StoredResponse, shown: StoredResponse
    ) -> None:
        """Note that what came out of a function as ``request`` is answered by ``stored``, in its form ``shown``."""
        _, target, fields, _, output = passage
        memo = _memo_of(stored, shown)
        if memo is None or len(target) + len(fields) + len(output) > PASSAGE_BYTES_MAX:
            return
        if len(self.passages) >= PASSAGES_MAX:
            self.passages.clear()
        conditions = tuple((name, value) for name in _CONDITIONS for value in request.headers.values(name))
        self.passages[passage] = memo, conditions

    def answer(
        self, place: Place, now_s: float, request_id: str, conditions: Conditions = ()
    ) -> Prepared | None:
        """Return the octets of the hit (a 304 where ``conditions`` hold), or None when the journey has to decide."""
        memo = self.known.get(place)
        if memo is None:
            return None
        prepared = self._again(memo, now_s, request_id, conditions)
        if prepared is None:
            shown = self._shown(memo, now_s)
            if shown is None:
                del self.known[place]
                return None
            prepared = self._prepared(memo, shown, now_s, request_id, conditions)
            if prepared is None:
                return None
            if shown.status != OK:
                self.meter.express_others[shown.status] += 1
        meter = self.meter
        meter.express_hits += 1
        if conditions and prepared.head.startswith(_NOT_MODIFIED):
            meter.express_not_modified += 1
        else:
            meter.body_bytes += len(prepared.body)
        return prepared

    def answer_passage(self, passage: Passage, now_s: float, request_id: str) -> Prepared | None:
        """Return the octets of the hit behind a function, or None when the journey has to decide. Counts nothing."""
        known = self.passages.get(passage)
        if known is None:
            return None
        memo, conditions = known
        prepared = self._again(memo, now_s, request_id, conditions)
        if prepared is not None:
            return prepared
        shown = self._shown(memo, now_s)
        if shown is None:
            del self.passages[passage]
            return None
        return self._prepared(memo, shown, now_s, request_id, conditions)

    def _again(self, memo: Memo, now_s: float, request_id: str, conditions: Conditions) -> Prepared | None:
        """Return the answer by what was found in this second of its age; None when that has to be found out anew."""
        window = memo.conditional if conditions else memo.plain
        if window is None:
            return None
        begins_s, ends_s, slot, changes, met, wanted = window
        if not begins_s <= now_s < ends_s or met != conditions or not self.store.unchanged(slot, changes):
            return None
        shown = slot.variants[0]
        if memo.coding:
            assert shown.forms is not None
            shown = shown.forms[memo.coding]
        composed = shown.composed_304 if conditions else shown.composed_200
        if composed is None or composed[0] is not wanted:
            return None
        head = b"%bX-Edge-Request-Id: %b\r\n" % (composed[1], request_id.encode("ascii"))
        if conditions:
            return Prepared(head, b"")
        body = shown.body
        assert isinstance(body, bytes)
        return Prepared(head, body, shown.file)

    def _shown(self, memo: Memo, now_s: float) -> StoredResponse | None:
        """Return the form that answers, if what was remembered is still stored, alone and fresh."""
        variants = self.store.get(memo.key)
        if (
            len(variants) != 1
            or (id(stored := variants[0]) != memo.address and not _again_from_disk(stored, memo.digest))
            or stored.response_time_s != memo.arrived_s
            or stored.birth_s != memo.birth_s
            or not stored.is_fresh(now_s)
        ):
            return None
        return (stored.forms or {}).get(memo.coding) if memo.coding else stored

    def _prepared(
        self, memo: Memo, shown: StoredResponse, now_s: float, request_id: str, conditions: Conditions
    ) -> Prepared | None:
        """Return the answer, and keep what was found for the rest of this second."""
        if not conditions:
            prepared = hit_octets(shown, now_s, self.pop, request_id)
            memo.plain = self._window(memo, shown, shown.composed_200, now_s, conditions)
            return prepared
        if len(conditions) == 1:
            ((name, value),) = conditions
            tag, since = (value, None) if name == "if-none-match" else (None, value)
            prepared = hit_octets(shown, now_s, self.pop, request_id, none_match=tag, since=since)
            if prepared is not None:
                memo.conditional = self._window(memo, shown, shown.composed_304, now_s, conditions)
            return prepared
        asking = Request(method="GET", path="/", headers=Headers(conditions))
        return prepared_hit(asking, shown, now_s, self.pop, request_id)

    def _window(
        self,
        memo: Memo,
        shown: StoredResponse,
        composed: Composed | None,
        now_s: float,
        conditions: Conditions,
    ) -> Window | None:
        slot = self.store.slot(memo.key)
        if slot is None or composed is None or shown.status != OK:
            return None
        ages_s = shown.birth_s + int(shown.age_s(now_s)) + 1
        ends_s = min(ages_s, shown.expires_s, slot.variants[0].expires_s) - BEFORE_S
        return Window(now_s, ends_s, slot, slot.changes, conditions, composed[0])


def _memo_of(stored: StoredResponse, shown: StoredResponse) -> Memo | None:
    forms = stored.forms or {}
    coding = "" if shown is stored else next((name for name in forms if forms[name] is shown), None)
    if coding is None:
        return None
    return Memo(stored.key, id(stored), stored.response_time_s, stored.birth_s, coding, stored.digest)


def _again_from_disk(stored: StoredResponse, digest: bytes) -> bool:
    """Return whether what came from disk may be the response of this digest; the instants are still to be compared."""
    return bool(digest) and stored.digest == digest and _same_for_equals(stored)
