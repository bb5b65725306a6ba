"""Turn a response into octets: the head, and how its body is framed.

Pure. The wire uses these functions for every answer, and whoever prepares answers beforehand (the inline path)
uses the same, so both come out byte-identical. Sources: RFC 9112, 6 (framing), 7.1 (chunked);
RFC 9110, 6.4.1 (who has no content), 7.6.1 (hop-by-hop), 8.6 (Content-Length).
"""

import http
import re
from dataclasses import dataclass

from edgefaas.errors import EdgeError
from edgefaas.message import Headers, Prepared, Response
from edgefaas.wire.grammar import FIELD_SECTION

_REASONS = {status.value: status.phrase for status in http.HTTPStatus}
_LENGTH = re.compile("[0-9]{1,18}", re.ASCII)
_REASON_OCTETS = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FIELDS = re.compile(FIELD_SECTION)
_FRAMING_FIELDS = frozenset(
    (
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "trailer",
        "upgrade",
    )
)
_NO_BODY_STATUSES = frozenset({204, 304})


STATUSES = range(100, 600)  # RFC 9110, 15: all others are invalid


class InvalidResponseError(EdgeError):
    """A response that cannot be written as HTTP; our own fault or that of whoever made it (502)."""

    status = 502


@dataclass(frozen=True, slots=True)
class Framing:
    """How a body goes out: with a known length, or chunked, or (HTTP/1.0) until the connection closes."""

    send_body: bool
    length: int | None
    chunked: bool = False
    until_close: bool = False


def has_body(method: str, status: int) -> bool:
    """Return whether a response to ``method`` with ``status`` has a body at all (RFC 9112, 6.3)."""
    return method != "HEAD" and status not in _NO_BODY_STATUSES and status >= 200  # noqa: PLR2004 # 1xx


def compose(
    response: Response, *, method: str, http_version: str = "1.1", date: str
) -> tuple[list[tuple[str, str]], Framing]:
    """Return the fields of the answer in order (end-to-end ones, ``Date`` exactly once, then the framing).

    And how its body is framed. Hop-by-hop fields of the response are left out.

    Raises:
        InvalidResponseError: ``Content-Length`` is not a number, or is not the length of the complete body.
    """
    lines: list[tuple[str, str]] = []
    declared: list[str] = []
    named: list[str] = []
    dated = False
    for line in response.headers:
        lower = line[0].lower()
        if lower in _FRAMING_FIELDS:
            if lower == "content-length":
                declared.append(line[1])
            elif lower == "connection":
                named += [name.strip(" \t") for name in line[1].lower().split(",")]
        elif lower != "date" or not dated:
            dated = dated or lower == "date"
            lines.append(line)
    if named:
        lines = [line for line in lines if line[0].lower() not in named]
        dated = dated and "date" not in named
    if not dated and response.status >= 200:  # noqa: PLR2004 # 1xx
        lines.append(("Date", date))
    framing = _plan_framing(response, declared, method, http_version)
    if framing.length is not None and response.status != 204:  # noqa: PLR2004 # RFC 9110, 8.6
        lines.append(("Content-Length", str(framing.length)))
    elif framing.chunked:
        lines.append(("Transfer-Encoding", "chunked"))
    return lines, framing


def _plan_framing(response: Response, declared: list[str], method: str, http_version: str) -> Framing:
    """Say how the body of ``response`` is framed; ``declared`` are its Content-Length values."""
    length: int | None = None
    if declared:
        if len(set(declared)) != 1 or not _LENGTH.fullmatch(declared[0]):
            raise InvalidResponseError(
                f"Content-Length {', '.join(declared)!r} is not one number", remedy="Declare the true length."
            )
        length = int(declared[0])
    if not has_body(method, response.status):
        if method == "HEAD" and length is None and response.body and isinstance(response.body, bytes):
            length = len(response.body)
        return Framing(send_body=False, length=length if response.status >= 200 else None)  # noqa: PLR2004
    if isinstance(response.body, bytes):
        actual = len(response.body)
        if length is not None and length != actual:
            raise InvalidResponseError(
                f"Content-Length is {length}, and the body has {actual} bytes",
                remedy="Declare the true length.",
            )
        return Framing(send_body=True, length=actual)
    if length is not None:
        return Framing(send_body=True, length=length)
    if http_version == "1.0":
        return Framing(send_body=True, length=None, until_close=True)
    return Framing(send_body=True, length=None, chunked=True)


def status_line(status: int, reason: str = "") -> str:
    """Return the status line without CRLF. Raises InvalidResponseError outside ``STATUSES``, or for a reason."""
    if status not in STATUSES or not _REASON_OCTETS.fullmatch(reason):
        raise InvalidResponseError(f"status {status} {reason!r} is not HTTP", remedy="Use 100 to 599.")
    return f"HTTP/1.1 {status} {reason or _REASONS.get(status, '')}"


def encode_fields(lines: list[tuple[str, str]]) -> bytes:
    """Return the lines as octets, each ended by CRLF.

    Raises:
        InvalidResponseError: a name or value that is not HTTP, e.g. one with a line break in it.
    """
    try:
        fields = "".join([f"{name}: {value}\r\n" for name, value in lines]).encode("latin-1")
    except UnicodeEncodeError as error:
        raise InvalidResponseError(
            "a header value has characters outside latin-1", remedy="Percent-encode them."
        ) from error
    if not _FIELDS.fullmatch(fields) or fields.count(b"\r\n") != len(lines):
        raise InvalidResponseError(
            "a header name or value has octets that HTTP forbids", remedy="Remove line breaks and controls."
        )
    return fields


def render(response: Response, *, method: str, http_version: str = "1.1", date: str) -> tuple[bytes, Framing]:
    """Return status line and fields, each ended by CRLF, without the empty line; and the framing of the body.

    Raises:
        InvalidResponseError: a status, name, value or length that is not HTTP.
    """
    lines, framing = compose(response, method=method, http_version=http_version, date=date)
    start = status_line(response.status, response.reason).encode("latin-1")
    return b"%b\r\n%b" % (start, encode_fields(lines)), framing


def render_interim(status: int, headers: Headers) -> bytes:
    """Return a whole 1xx response. Raises InvalidResponseError."""
    interim = Response(status=status, headers=headers.copy())
    interim.headers.remove("content-length")
    return render(interim, method="GET", date="")[0] + b"\r\n"


def prepare(response: Response, *, method: str, date: str) -> Prepared:
    """Return a response with a complete body as the octets that ``ViewerSide.inline`` hands to the wire.

    Raises:
        InvalidResponseError: as ``render``.
    """
    assert isinstance(response.body, bytes)
    head, framing = render(response, method=method, date=date)
    return Prepared(head=head, body=response.body if framing.send_body else b"")


def refusal(status: int, text: str) -> Response:
    """Return the small clean body that errors of the wire are answered with."""
    headers = Headers([("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")])
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        headers.add("Retry-After", "1")
    return Response(
        status=status, headers=headers, body=f"{status} {_REASONS.get(status, 'Error')}\n{text}\n".encode()
    )
