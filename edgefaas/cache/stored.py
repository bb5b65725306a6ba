"""A stored response: what the stores keep, with everything decided that can be decided once.

Pure. Sources: RFC 9111, 3.1 (fields that are not stored), 4.2.3 (age); RFC 9110, 8.8 (validators).
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path

from edgefaas.cache.vary import Selectors
from edgefaas.message import Headers
from edgefaas.openbody import OpenBody

DIGEST_BYTES = 16
PIECE_BYTES = 1_048_576  # of a body file; about a millisecond to read and check
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_OVERHEAD_BYTES = 1_200  # of a StoredResponse and its parts in CPython 3.11, measured with tracemalloc

# Written anew for every answer, so never part of the stored head.
COMPOSED_FIELDS = frozenset(
    {"age", "x-cache", "x-edge-pop", "x-edge-request-id", "server-timing", "content-length"}
)


Wanted = tuple[int, str, bool]
"""What a head is composed for: an age, a POP, and whether a soft purge hit."""
Composed = tuple[Wanted, bytes]
"""A composed head, with what it was composed for."""


@dataclass(frozen=True, slots=True)
class BodyFile:
    """A body on disk: read it, never change it.

    ``length_bytes`` is its whole size; ``digests`` are those of its pieces of ``PIECE_BYTES``, in order, so
    that each can be checked when it is read; ``checked`` says of a piece until when (by the monotonic clock) that need
    not be done again, if the file has still that instant of change (ns).
    """

    path: Path
    length_bytes: int
    digests: tuple[bytes, ...] = ()
    checked: dict[int, tuple[float, int]] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PartialRange:
    """Which octets of the whole representation a stored 206 holds: ``first`` to ``last``, inclusive."""

    first: int
    last: int
    complete_length: int | None


@dataclass(slots=True, eq=False, kw_only=True)
class StoredResponse:
    """One stored response. Instants are Unix seconds, durations seconds.

    ``birth_s`` is when the origin made it by our clock (the response's arrival minus its corrected initial
    age): the current age is ``now - birth_s``. ``stale_while_revalidate_s`` is 0 when nothing allows it.
    ``stale_if_error_s`` is None when the origin said nothing. ``stale_prohibited`` is RFC 9111's
    must-revalidate, proxy-revalidate, s-maxage or no-cache. ``digest`` guards the body (``BodyDigest``).
    ``purge_token`` tells which purges came later (see ``purge``); ``forms`` are the same response in content
    codings, by coding; ``composed_…`` belong to ``respond``. ``file`` has the octets of a body in memory once more.
    """

    key: str
    uri: str
    host: str
    status: int
    reason: str
    headers: Headers
    body: bytes | BodyFile
    request_time_s: float
    response_time_s: float
    birth_s: float
    lifetime_s: float
    stale_while_revalidate_s: float = 0.0
    stale_if_error_s: float | None = None
    no_cache: bool = False
    stale_prohibited: bool = False
    heuristic: bool = False
    selectors: Selectors = ()
    tags: tuple[str, ...] = ()
    etag: str | None = None
    last_modified_s: int | None = None
    date_s: int = 0
    partial: PartialRange | None = None
    digest: bytes = b""
    soft_purged: bool = False
    purge_token: int = 0
    compressible: bool = False
    forms: "dict[str, StoredResponse] | None" = field(default=None, repr=False)
    head: bytes = field(default=b"", repr=False)
    composed_200: Composed | None = field(default=None, repr=False)
    composed_304: Composed | None = field(default=None, repr=False)
    file: OpenBody | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.head:
            self.head = build_head(self.status, self.reason, self.served_headers())

    def served_headers(self) -> Headers:
        """Return the fields viewers get: Vary names Accept-Encoding where coded forms are offered."""
        if not self.compressible:
            return self.headers
        names = {name for line in self.headers.values("vary") for name in line.lower().split(",")}
        if any(name.strip(" \t") in ("accept-encoding", "*") for name in names):
            return self.headers
        served = self.headers.copy()
        served.add("Vary", "Accept-Encoding")
        return served

    @property
    def length_bytes(self) -> int:
        """Return the number of octets of the stored body."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.length_bytes

    @property
    def is_consistent(self) -> bool:
        """Return whether a stored part has as many octets as its Content-Range says."""
        return self.partial is None or self.length_bytes == self.partial.last - self.partial.first + 1

    @property
    def expires_s(self) -> float:
        """Return the instant from which the response is stale."""
        return self.birth_s + self.lifetime_s

    def age_s(self, now_s: float) -> float:
        """Return the current age (RFC 9111, 4.2.3). Never negative, also when the clock was set back."""
        return max(0.0, now_s - self.birth_s)

    def is_fresh(self, now_s: float) -> bool:
        """Return whether the lifetime exceeds the age; equal is stale (RFC 9111, 4.2)."""
        return not self.soft_purged and self.lifetime_s > self.age_s(now_s)

    def is_shareable(self, now_s: float) -> bool:
        """Return whether it may answer others who asked while it was validated (see ``Store``)."""
        return self.is_fresh(now_s) and not self.no_cache

    @property
    def weight_bytes(self) -> int:
        """Return what the response costs a byte-bounded store in memory."""
        body = len(self.body) if isinstance(self.body, bytes) else 0
        forms = sum(form.weight_bytes for form in self.forms.values()) if self.forms else 0
        return forms + body + 3 * len(self.head) + 2 * len(self.key) + _OVERHEAD_BYTES


class BodyDigest:
    """The digest of a body while it arrives: a digest over those of its pieces."""

    __slots__ = ("_in_piece", "_piece", "_pieces")

    def __init__(self) -> None:
        self._piece = blake2b(digest_size=DIGEST_BYTES)
        self._in_piece = 0
        self._pieces: list[bytes] = []

    def update(self, chunk: bytes) -> None:
        """Add the next octets."""
        view = memoryview(chunk)
        while view:
            taken = view[: PIECE_BYTES - self._in_piece]
            self._piece.update(taken)
            self._in_piece += len(taken)
            view = view[len(taken) :]
            if self._in_piece == PIECE_BYTES:
                self._pieces.append(self._piece.digest())
                self._piece = blake2b(digest_size=DIGEST_BYTES)
                self._in_piece = 0

    @property
    def whole(self) -> bytes:
        """Return the digest of all octets so far."""
        return blake2b(b"".join(self.pieces), digest_size=DIGEST_BYTES).digest()

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """Return the digests of the pieces so far, the last one as it stands."""
        last = (self._piece.digest(),) if self._in_piece else ()
        return (*self._pieces, *last)


def body_digest(body: bytes) -> bytes:
    """Return the digest that guards a stored body."""
    digest = BodyDigest()
    digest.update(body)
    return digest.whole


def reason_phrase(status: int, reason: str) -> str:
    """Return ``reason``, or the registered phrase where it is empty."""
    return reason or _PHRASES.get(status, "")


def status_line(status: int, reason: str) -> bytes:
    """Return the HTTP/1.1 status line with its CRLF."""
    return f"HTTP/1.1 {status} {reason_phrase(status, reason)}\r\n".encode("latin-1")


def encode_fields(headers: Headers, *, without: frozenset[str] = COMPOSED_FIELDS) -> bytes:
    """Return field lines as octets, each ended by CRLF, those named in ``without`` left out."""
    lines = [f"{name}: {value}\r\n" for name, value in headers if name.lower() not in without]
    return "".join(lines).encode("latin-1")


def build_head(status: int, reason: str, headers: Headers) -> bytes:
    """Return the part of a head that is the same for every answer from this stored response."""
    return status_line(status, reason) + encode_fields(headers)
