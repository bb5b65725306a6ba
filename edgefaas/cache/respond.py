"""Turn a stored response into the answer for one viewer: 200, 304, 206, 416, or its own status.

Pure. Sources: RFC 9110, 9.3.2 (HEAD), 13.2 (preconditions), 14 (ranges), 15.3.7 (206), 15.4.5 (304), 15.5.17
(416); RFC 9111, 4 (Age), 4.3.2.

``respond`` is the readable path for every case; ``prepared_hit`` gives the same octets for the common ones,
from parts composed once a second. A property test compares the two.
"""

from dataclasses import dataclass, field
from pathlib import Path

from edgefaas.cache.cache_status import XCache, hit_status, x_cache
from edgefaas.cache.conditional import Condition, evaluate, if_range_holds, modified_s
from edgefaas.cache.dates import parse_http_date
from edgefaas.cache.ranges import ByteRange, Unsatisfiable, boundary, parse_range
from edgefaas.cache.stored import (
    COMPOSED_FIELDS,
    BodyFile,
    PartialRange,
    StoredResponse,
    encode_fields,
    reason_phrase,
    status_line,
)
from edgefaas.message import Headers, Prepared, Request

_OK = 200
_HIT_LINES = f"Age: %d\r\nX-Cache: {x_cache(XCache.HIT)}\r\nCache-Status: %b\r\n".encode(
    "ascii"
)  # of _composed_fields
_PARTIAL_CONTENT = 206
_NOT_MODIFIED = 304
_UNSATISFIABLE = 416
_SUCCESSFUL = range(200, 300)
_BODILESS = frozenset({204, 304})
# What describes content that a 304 does not carry (RFC 9110, 15.4.5); Last-Modified stays, caches use it.
_NOT_IN_304 = (
    frozenset({"content-type", "content-encoding", "content-language", "content-range"}) | COMPOSED_FIELDS
)
_NOT_IN_416 = frozenset(
    {"content-type", "content-encoding", "content-language", "content-range", "etag", "last-modified"}
    | {"cache-control", "expires", "cdn-cache-control"}
    | COMPOSED_FIELDS
)
_CONDITIONAL_FIELDS = frozenset(
    {"if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "range"}
)


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Octets of a stored body on disk: ``length`` from ``offset``. ``body`` knows their digests."""

    path: Path
    offset: int
    length: int
    body: BodyFile | None = field(default=None, compare=False, repr=False)


Segment = bytes | FileSlice


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer from the store: head and the segments of its body, in order (empty for HEAD, 204, 304)."""

    status: int
    reason: str
    headers: Headers
    segments: tuple[Segment, ...]

    @property
    def head(self) -> bytes:
        """Return status line and field lines as octets, without the empty line."""
        return status_line(self.status, self.reason) + encode_fields(self.headers, without=frozenset())

    @property
    def body(self) -> bytes:
        """Return the body where all of it is in memory (asserted)."""
        assert all(isinstance(segment, bytes) for segment in self.segments)
        return b"".join(segment for segment in self.segments if isinstance(segment, bytes))

    @property
    def in_memory(self) -> bool:
        """Return whether no segment has to be read from disk."""
        return all(isinstance(segment, bytes) for segment in self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What this POP adds to an answer; ``None`` and ``""`` leave the field out.

    ``cache_status`` replaces the one that follows from the stored response's age.
    """

    pop: str = ""
    x_cache: XCache | str = XCache.HIT
    cache_status: str | None = None
    request_id: str = ""


def respond(
    request: Request, stored: StoredResponse, now_s: float, signature: Signature | None = None
) -> Answer:
    """Return the answer to a GET or HEAD from ``stored`` at ``now_s`` (Unix seconds)."""
    signed = signature or Signature()
    trailer = _composed_fields(stored, int(stored.age_s(now_s)), signed)
    if stored.status in _SUCCESSFUL:
        condition = _cached_condition(request, stored)
        if condition is Condition.NOT_MODIFIED:
            return _answer(_NOT_MODIFIED, "", _kept(stored.served_headers(), _NOT_IN_304), trailer, ())
        if request.method == "GET" and stored.status in (_OK, _PARTIAL_CONTENT):
            ranged = _ranged(request, stored, trailer)
            if ranged is not None:
                return ranged
    headers = _kept(stored.served_headers(), COMPOSED_FIELDS)
    empty = request.method == "HEAD" or stored.status in _BODILESS
    segments = () if empty else _slice(stored, 0, stored.length_bytes)
    if stored.status not in _BODILESS:
        headers.add("Content-Length", str(stored.length_bytes))
    return _answer(stored.status, stored.reason, headers, trailer, segments)


def _cached_condition(request: Request, stored: StoredResponse) -> Condition:
    """Evaluate what applies to a cache: If-None-Match, else If-Modified-Since (RFC 9111, 4.3.2)."""
    if "if-none-match" not in request.headers and "if-modified-since" not in request.headers:
        return Condition.PROCEED
    fields = request.headers.copy()
    fields.remove("if-match", "if-unmodified-since")
    return evaluate(request.method, fields, etag=stored.etag, last_modified_s=modified_s(stored))


def _ranged(request: Request, stored: StoredResponse, trailer: list[tuple[str, str]]) -> Answer | None:
    """Return a 206 or 416, or None when the whole stored representation is the answer."""
    text = request.headers.get("range")
    partial = stored.partial or PartialRange(0, stored.length_bytes - 1, stored.length_bytes)
    total = partial.complete_length
    if text is None or total is None or not if_range_holds(request.headers, stored):
        return None
    wanted = parse_range(text, total)
    if wanted is None:
        return None
    if isinstance(wanted, Unsatisfiable):
        headers = _kept(stored.served_headers(), _NOT_IN_416)
        headers.add("Content-Range", f"bytes */{total}")
        headers.add("Content-Length", "0")
        return _answer(_UNSATISFIABLE, "", headers, trailer, ())
    if any(piece.first < partial.first or piece.last > partial.last for piece in wanted):
        return None
    if len(wanted) == 1:
        piece = wanted[0]
        headers = _kept(stored.served_headers(), COMPOSED_FIELDS | {"content-range"})
        headers.add("Content-Range", f"bytes {piece.first}-{piece.last}/{total}")
        headers.add("Content-Length", str(piece.length))
        segments = _slice(stored, piece.first - partial.first, piece.length)
        return _answer(_PARTIAL_CONTENT, "", headers, trailer, segments)
    return _multipart(stored, wanted, partial.first, total, trailer)


def _multipart(
    stored: StoredResponse, wanted: list[ByteRange], base: int, total: int, trailer: list[tuple[str, str]]
) -> Answer:
    """Return several ranges as multipart/byteranges (RFC 9110, 14.6)."""
    mark = boundary(stored.digest or (stored.etag or "").encode("latin-1"), wanted)
    media_type = stored.headers.get("content-type")
    segments: list[Segment] = []
    length = 0
    for piece in wanted:
        part = f"\r\n--{mark}\r\n" if segments else f"--{mark}\r\n"
        if media_type is not None:
            part += f"Content-Type: {media_type}\r\n"
        part += f"Content-Range: bytes {piece.first}-{piece.last}/{total}\r\n\r\n"
        segments += [part.encode("latin-1"), *_slice(stored, piece.first - base, piece.length)]
        length += len(part) + piece.length
    end = f"\r\n--{mark}--\r\n".encode("ascii")
    segments.append(end)
    headers = _kept(stored.served_headers(), COMPOSED_FIELDS | {"content-range", "content-type"})
    headers.add("Content-Type", f"multipart/byteranges; boundary={mark}")
    headers.add("Content-Length", str(length + len(end)))
    return _answer(_PARTIAL_CONTENT, "", headers, trailer, tuple(segments))


def _slice(stored: StoredResponse, offset: int, length: int) -> tuple[Segment, ...]:
    if length == 0:
        return ()
    if isinstance(stored.body, bytes):
        whole = offset == 0 and length == len(stored.body)
        return (stored.body if whole else stored.body[offset : offset + length],)
    return (FileSlice(stored.body.path, offset, length, stored.body),)


def _kept(headers: Headers, without: frozenset[str]) -> Headers:
    return Headers((name, value) for name, value in headers if name.lower() not in without)


def _answer(
    status: int, reason: str, headers: Headers, trailer: list[tuple[str, str]], segments: tuple[Segment, ...]
) -> Answer:
    for name, value in trailer:
        headers.add(name, value)
    return Answer(status=status, reason=reason_phrase(status, reason), headers=headers, segments=segments)


def _composed_fields(stored: StoredResponse, age_s: int, signature: Signature) -> list[tuple[str, str]]:
    """Return the fields that change from answer to answer, the request id last."""
    status = signature.cache_status
    if status is None:
        status = hit_status(ttl_s(stored, age_s))
    fields = [("Age", str(age_s)), ("X-Cache", x_cache(signature.x_cache)), ("Cache-Status", status)]
    if signature.pop:
        fields.append(("X-Edge-Pop", signature.pop))
    if signature.request_id:
        fields.append(("X-Edge-Request-Id", signature.request_id))
    return fields


def ttl_s(stored: StoredResponse, age_s: int) -> int:
    """Return the remaining freshness for Cache-Status (RFC 9211, 2.4): negative when stale."""
    remaining = int(stored.lifetime_s) - age_s
    return min(remaining, 0) if stored.soft_purged else remaining


def prepared_hit(
    request: Request, stored: StoredResponse, now_s: float, pop: str = "", request_id: str = ""
) -> Prepared | None:
    """Return the same octets as ``respond`` for a plain hit, or None when the request asks for more.

    Plain: GET or HEAD, a body in memory, no range, and no precondition but If-None-Match with the stored entity
    tag, or an If-Modified-Since that the stored Last-Modified meets.
    """
    none_match: str | None = None
    since: str | None = None
    for name, value in request.headers:
        lowered = name.lower()
        if lowered in _CONDITIONAL_FIELDS:
            if lowered == "if-none-match" and none_match is None:
                none_match = value
            elif lowered == "if-modified-since" and since is None:
                since = value
            else:
                return None
    prepared = hit_octets(stored, now_s, pop, request_id, none_match=none_match, since=since)
    if prepared is not None and request.method == "HEAD":
        prepared.body, prepared.file = b"", None
    return prepared


def hit_octets(
    stored: StoredResponse,
    now_s: float,
    pop: str,
    request_id: str,
    *,
    none_match: str | None = None,
    since: str | None = None,
) -> Prepared | None:
    """Return the octets of a plain hit to a GET with these conditions, if any; None where those are not plainly met."""
    body = stored.body
    if type(body) is not bytes:
        return None
    if none_match is not None or since is not None:
        if stored.status != _OK or not _plainly_unmodified(stored, none_match, since):
            return None
        head = _composed_head(stored, int(stored.age_s(now_s)), pop, not_modified=True)
        body = b""
    else:
        head = _composed_head(stored, int(stored.age_s(now_s)), pop, not_modified=False)
        if stored.status in _BODILESS:
            body = b""
    if request_id:
        head += b"X-Edge-Request-Id: %b\r\n" % request_id.encode("latin-1")
    return Prepared(head, body, stored.file if body else None)


def _plainly_unmodified(stored: StoredResponse, none_match: str | None, since: str | None) -> bool:
    """Return whether a viewer has what is stored, where that is seen at once; If-None-Match goes first."""
    if none_match is not None:
        return none_match == stored.etag
    modified = stored.last_modified_s
    instant = None if since is None or modified is None else parse_http_date(since)
    return instant is not None and modified is not None and modified <= instant


def _composed_head(stored: StoredResponse, age_s: int, pop: str, *, not_modified: bool) -> bytes:
    """Return the head without the request id; composed once for each second, POP and kind."""
    wanted = (age_s, pop, stored.soft_purged)
    composed = stored.composed_304 if not_modified else stored.composed_200
    if composed is not None and composed[0] == wanted:
        return composed[1]
    if not_modified:
        start = status_line(_NOT_MODIFIED, "") + encode_fields(stored.served_headers(), without=_NOT_IN_304)
    elif stored.status in _BODILESS:
        start = stored.head
    else:
        start = stored.head + b"Content-Length: %d\r\n" % stored.length_bytes
    head = start + _HIT_LINES % (age_s, hit_status(ttl_s(stored, age_s)).encode("ascii"))
    if pop:
        head += b"X-Edge-Pop: %b\r\n" % pop.encode("latin-1")
    if not_modified:
        stored.composed_304 = (wanted, head)
    else:
        stored.composed_200 = (wanted, head)
    return head
