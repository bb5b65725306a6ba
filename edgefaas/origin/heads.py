"""Read the head of an origin's response, and decide how its body is framed. Strictly: doubt is an error.

Pure. Sources: RFC 9112, 4 (status line), 6.3 (message body length), 9.3 (persistence). An unknown transfer coding,
both lengths at once or lengths that differ leave it open where the next response begins: one viewer would
get the answer of another (response desynchronisation), so the connection is of no more use.
"""

import re
from dataclasses import dataclass

from edgefaas.message import SWITCHING, Headers
from edgefaas.wire.fields import FieldBlock, WireHeaders
from edgefaas.wire.grammar import DIGITS, FIELD_COUNT_LIMIT, FIELD_SECTION, HEAD_LIMIT_BYTES, FramingError
from edgefaas.wire.render import has_body

__all__ = ["HEAD_LIMIT_BYTES", "BodyFraming", "ResponseHead", "body_framing", "read_head"]

_RESPONSE_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*+))?\r\n(" + FIELD_SECTION + rb")\r\n"
)
_INFORMATIONAL = 100
_SUCCESSFUL = 200


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and fields of a response, as sent."""

    status: int
    reason: str
    headers: Headers
    is_1_1: bool

    @property
    def interim(self) -> bool:
        """Return whether another head follows (1xx, but not 101)."""
        return _INFORMATIONAL <= self.status < _SUCCESSFUL and self.status != SWITCHING

    @property
    def persistent(self) -> bool:
        """Return whether the connection stays open after the body (RFC 9112, 9.3)."""
        connection = self.headers.get("connection")
        if connection is None:
            return self.is_1_1
        options = {option.strip(" \t") for option in connection.lower().split(",")}
        return "close" not in options and (self.is_1_1 or "keep-alive" in options)


@dataclass(frozen=True, slots=True)
class BodyFraming:
    """How a body ends: after ``length`` bytes, with its last chunk, or (neither) with the connection."""

    length: int | None = None
    chunked: bool = False

    @property
    def until_close(self) -> bool:
        """Return whether only the end of the connection ends the body."""
        return self.length is None and not self.chunked


def read_head(data: bytes) -> tuple[ResponseHead, int] | None:
    """Return the head at the start of ``data`` and its size in bytes; None when it is not complete yet.

    Raises:
        FramingError: not an HTTP/1 head, or over a limit.
    """
    match = _RESPONSE_HEAD.match(data)
    if match is None:
        if len(data) > HEAD_LIMIT_BYTES:
            raise FramingError(f"the head is longer than {HEAD_LIMIT_BYTES} bytes")
        if b"\r\n\r\n" in data or not b"HTTP/1.".startswith(data[:7]) or b"\n" in data.replace(b"\r\n", b""):
            raise FramingError("the head is not HTTP/1.1")
        return None
    if match.end() > HEAD_LIMIT_BYTES:
        raise FramingError(f"the head is longer than {HEAD_LIMIT_BYTES} bytes")
    minor, status, reason, raw = match.groups()
    if raw.count(b"\r\n") > FIELD_COUNT_LIMIT:
        raise FramingError(f"there are more than {FIELD_COUNT_LIMIT} header fields")
    headers = WireHeaders(FieldBlock(raw))
    head = ResponseHead(int(status), (reason or b"").decode("latin-1"), headers, minor == b"1")
    return head, match.end()


def body_framing(method: str, head: ResponseHead) -> BodyFraming:
    """Return how the body of ``head``, an answer to ``method``, is framed.

    Raises:
        FramingError: it cannot be known for sure.
    """
    codings = head.headers.values("transfer-encoding")
    lengths = {
        member.strip(" \t") for line in head.headers.values("content-length") for member in line.split(",")
    }
    if codings and lengths:
        raise FramingError("Content-Length and Transfer-Encoding exclude each other")
    if len(lengths) > 1:
        raise FramingError("there are several Content-Length values, and they differ")
    if lengths and not DIGITS.fullmatch(next(iter(lengths)).encode("latin-1")):
        raise FramingError("Content-Length is not a plain number")
    if codings and (not head.is_1_1 or [coding.lower() for coding in codings] != ["chunked"]):
        raise FramingError(f"Transfer-Encoding {', '.join(codings)!r} is not understood")
    if not has_body(method, head.status):
        return BodyFraming(length=0)
    if codings:
        return BodyFraming(chunked=True)
    return BodyFraming(length=int(lengths.pop())) if lengths else BodyFraming()
