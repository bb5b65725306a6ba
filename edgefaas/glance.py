"""Read a whole response of an origin at a glance, and write it anew for the viewer. Pure.

Most responses that only pass through a POP arrive in one piece and are written as everybody writes them: one space
behind each colon, a length, nothing about the connection but that it stays. One regular expression and one look at
each line do for them what ``heads`` and ``fields`` do with objects; tests compare the two. Whatever else there may be
to say about a response is not for here: ``glance`` returns None, and the long way is taken.
"""

import re
from enum import Enum
from typing import NamedTuple

from edgefaas.cache import Pass, Timing, storability
from edgefaas.cache.directives import TARGETED_FIELDS, cache_control_directives
from edgefaas.cache.storability import refused_by_words
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.origin.fields import HOP_BY_HOP
from edgefaas.site import CachePolicy
from edgefaas.wire.chunks import ChunkedDecoder
from edgefaas.wire.grammar import DIGITS, FIELD_COUNT_LIMIT, HEAD_LIMIT_BYTES, TOKEN_CLASS, FramingError

_WORDS = rb"[\x21-\x7e\x80-\xff]++(?:[\t ]++[\x21-\x7e\x80-\xff]++)*+"
_HEAD = re.compile(
    rb"(HTTP/1\.1 ([2-5][0-9]{2}) " + _WORDS + rb")\r\n"
    rb"((?:" + TOKEN_CLASS + rb"++: (?:" + _WORDS + rb")?+\r\n)++)\r\n"
)
_BODY_IN_DOUBT = frozenset({b"204", b"205", b"206", b"304", b"412", b"416"})


class _Meaning(Enum):
    """What a field is to whoever passes a response on; the others are nothing but lines."""

    LENGTH = 1
    CONNECTION = 2
    KEEP_ALIVE = 3
    CODING = 4
    DATE = 5
    CACHE_CONTROL = 6
    FRESHNESS = 7
    ANOTHERS = 8


_MEANINGS = {
    **{name.encode(): _Meaning.ANOTHERS for name in HOP_BY_HOP},
    **dict.fromkeys((b"x-cache", b"x-edge-pop", b"x-edge-request-id"), _Meaning.ANOTHERS),
    **{name.encode(): _Meaning.ANOTHERS for name in TARGETED_FIELDS},
    **dict.fromkeys((b"etag", b"expires", b"last-modified"), _Meaning.FRESHNESS),
    b"content-length": _Meaning.LENGTH,
    b"connection": _Meaning.CONNECTION,
    b"keep-alive": _Meaning.KEEP_ALIVE,
    b"transfer-encoding": _Meaning.CODING,
    b"date": _Meaning.DATE,
    b"cache-control": _Meaning.CACHE_CONTROL,
}


class Glimpse(NamedTuple):
    """A whole response that leaves its connection open. ``start`` is its status line, ``lines`` are its field lines.

    All are without CRLF; those that frame the body are left out. ``dated`` says whether Date is among the lines.
    ``cache_control`` is None where there is none, ``fresh`` tells of a validator, or of a lifetime by other fields.
    """

    status: int
    start: bytes
    lines: list[bytes]
    body: bytes
    dated: bool
    cache_control: bytes | None
    fresh: bool


def glance(data: bytes) -> Glimpse | None:  # noqa: C901, PLR0911, PLR0912 # a list of what each field means, in one pass
    """Return the response to a GET that ``data`` is, wholly and plainly; None where there is more to it."""
    match = _HEAD.match(data)
    if match is None or match.end() > HEAD_LIMIT_BYTES:
        return None
    start, status, section = match.groups()
    if status in _BODY_IN_DOUBT:
        return None
    lines: list[bytes] = []
    length = -1
    chunked = dated = fresh = False
    cache_control: bytes | None = None
    sent = section[:-2].split(b"\r\n")
    if len(sent) > FIELD_COUNT_LIMIT:
        return None
    for line in sent:
        name, _, value = line.partition(b": ")
        meaning = _MEANINGS.get(name.lower())
        if meaning is None:
            lines.append(line)
        elif meaning is _Meaning.LENGTH:
            if length >= 0 or not DIGITS.fullmatch(value):
                return None
            length = int(value)
        elif meaning is _Meaning.DATE:
            if dated:
                return None
            dated = True
            lines.append(line)
        elif meaning is _Meaning.CACHE_CONTROL:
            if cache_control is not None:
                return None
            cache_control = value
            lines.append(line)
        elif meaning is _Meaning.FRESHNESS:
            fresh = True
            lines.append(line)
        elif meaning is _Meaning.CONNECTION:
            if value.lower() != b"keep-alive":
                return None
        elif meaning is _Meaning.CODING:
            if chunked or value.lower() != b"chunked":
                return None
            chunked = True
        elif meaning is _Meaning.ANOTHERS:
            return None
    body = _whole_body(data[match.end() :], length, chunked=chunked)
    if body is None:
        return None
    return Glimpse(int(status), start, lines, body, dated, cache_control, fresh)


def written(seen: Glimpse, signed: bytes, date: str) -> Prepared:
    """Return the response as the viewer gets it. ``signed`` are the POP's own fields, without the last CRLF."""
    last = b"Content-Length: %d\r\n" % len(seen.body)
    if not seen.dated:
        last = b"Date: %b\r\n%b" % (date.encode("ascii"), last)
    return Prepared(b"\r\n".join((seen.start, *seen.lines, signed, last)), seen.body)


def refused(seen: Glimpse, policy: CachePolicy) -> bool | None:
    """Return whether the response is not to be stored by its Cache-Control alone; False: it may be, None: look on."""
    if seen.cache_control is not None:
        directives = cache_control_directives(seen.cache_control.decode("latin-1"))
        if refused_by_words(seen.status, policy, directives):
            return True
        if directives.max_age_s or directives.s_maxage_s:
            return False
    return False if seen.fresh else None


def passes_by(seen: Glimpse, request: Request, policy: CachePolicy, key: str, timing: Timing) -> bool:
    """Return whether a response that nothing gives a lifetime or a validator is not to be stored."""
    lines = [line.decode("latin-1").partition(": ") for line in seen.lines]
    response = Response(status=seen.status, headers=Headers((name, value) for name, _, value in lines))
    return isinstance(storability(request, response, policy, key, timing), Pass)


def _whole_body(rest: bytes, length: int, *, chunked: bool) -> bytes | None:
    """Return the payload if ``rest`` is the whole body and nothing else."""
    if not chunked:
        return rest if len(rest) == length else None
    if length >= 0:
        return None
    decoder = ChunkedDecoder()
    try:
        pieces, used = decoder.feed(rest)
    except FramingError:
        return None
    return b"".join(pieces) if decoder.done and used == len(rest) else None
