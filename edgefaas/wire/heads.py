"""Read the head of a viewer's request: one regular expression, then the few fields that frame the message.

Pure. Sources: RFC 9112, 2.2 (robustness), 3 (request line and target forms), 5 (fields), 6 (framing);
RFC 9110, 7.2 (Host), 7.6.1 (Connection), 10.1.1 (Expect).
"""

import re
from dataclasses import dataclass

from edgefaas.errors import RequestError
from edgefaas.wire.fields import FieldBlock
from edgefaas.wire.grammar import (
    FIELD_COUNT_LIMIT,
    FIELD_SECTION,
    HEAD_LIMIT_BYTES,
    TOKEN_CLASS,
    FramingError,
    content_length,
    has_bare_lf,
)

TARGET_LIMIT_BYTES = 16 * 1024

REQUEST_HEAD = re.compile(
    rb"(" + TOKEN_CLASS + rb"++) ([^\x00-\x20\x7f]++) HTTP/1\.([01])\r\n(" + FIELD_SECTION + rb")\r\n"
)
"""Groups: method, target, minor version, field section."""

REQUEST_START = re.compile(rb"(" + TOKEN_CLASS + rb"++) ([^\x00-\x20\x7f]++)")
"""What stands before the version in a request line. Groups: method, target."""

_REQUEST_LINE = re.compile(rb"(" + TOKEN_CLASS + rb"+) ([^\x00-\x20\x7f]+) HTTP/([0-9]+)\.([0-9]+)\r\n")
# Both are searched in b"\n" + the section in lower case: a literal first octet lets the engine skip through
# the section eight times as fast as an alternative of "start or line feed" would.
_ACTING_FIELDS = re.compile(rb"\n(host|connection|content-length|transfer-encoding|expect|upgrade):([^\r]*+)")
# Fields by which a viewer may get another answer than the next one for the same host and target.
_NOT_PLAIN = re.compile(
    rb"\n(?:cache-control|pragma|range|if-match|if-unmodified-since|if-range|authorization|forwarded|x-forwarded-[a-z-]+|x-edge-[a-z-]+"
    rb"|te|trailer|upgrade|expect|content-length|transfer-encoding|want-[a-z-]+|prefer):"
)
# The same where nothing is stored: who asks, and that it be new, changes nothing about asking the origin.
_NOT_PASSING = re.compile(
    _NOT_PLAIN.pattern.replace(b"|authorization", b"")
    .replace(b"cache-control|", rb"cache-control(?!:[ \t]*(?:no-cache|max-age=0)[ \t]*\r)|")
    .replace(b"pragma|", rb"pragma(?!:[ \t]*no-cache[ \t]*\r)|")
)
_CONDITIONS = ("if-none-match", "if-modified-since")
_ONE_CONDITION = b"\nif-none-match:"
_KEEP_ALIVE = [b"keep-alive"]
_HOST = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9_.~%!$&'()*+;=-]+)(?::([0-9]{0,5}))?")
_ABSOLUTE_FORM = re.compile(rb"https?://([^/?#@]+)(/[^#]*|\?[^#]*)?", re.IGNORECASE)
_NOT_ASCII = re.compile(rb"[\x80-\xff]")


@dataclass(slots=True)
class Facts:
    """What a field section says about its message. ``length`` is -1 when none is declared.

    ``plain`` tells that nothing in it asks for more than the target, and that the connection stays open: such a
    request may be answered by ``ViewerSide.express``. ``codings`` is then its Accept-Encoding,
    ``conditions`` are the fields by which it asks whether what it has is still good, ``traced`` whether it says which
    trace it belongs to. ``around`` is what stands before and behind its entity tag, where that is its one condition.
    ``passing`` tells that nothing in it but such conditions changes how an origin is asked, where nothing is stored:
    the request may go ``through``.
    """

    block: FieldBlock
    host: str | None = None
    close: bool = False
    keep_alive: bool = False
    length: int = -1
    chunked: bool = False
    expects_continue: bool = False
    websocket: bool = False
    plain: bool = False
    passing: bool = False
    codings: str = ""
    conditions: tuple[tuple[str, str], ...] = ()
    traced: bool = False
    around: tuple[bytes, bytes] | None = None

    @property
    def bodiless(self) -> bool:
        """Return whether no body follows and nothing else needs care."""
        return self.length <= 0 and not self.chunked and not self.websocket

    @property
    def switches(self) -> bool:
        """Return whether the viewer asks for WebSocket, in a request without a body (RFC 6455, 4.1)."""
        return self.websocket and self.length <= 0 and not self.chunked


def bad_request(message: str, *, status: int = 400) -> RequestError:
    """Return the refusal of a malformed request."""
    return RequestError(message, remedy="Send a request as RFC 9112 defines it.", status_code=status)


def parse_host(value: bytes) -> str:
    """Return a lower-case ``Host`` value (host, and port when there is one) when it is valid.

    Raises:
        RequestError: not a host (400).
    """
    match = _HOST.fullmatch(value)
    if match is None or (match[2] and int(match[2]) > 65535):  # noqa: PLR2004 # ports are 16 bits
        raise bad_request("The Host field is not a host name.")
    return value.decode("latin-1")


def read_facts(raw: bytes) -> Facts:
    """Return what the field section ``raw`` (checked by ``REQUEST_HEAD``) says about framing.

    Raises:
        RequestError: the message cannot be framed for sure (400), or asks for what we cannot do (417, 501).
    """
    if raw.count(b"\r\n") > FIELD_COUNT_LIMIT:
        raise bad_request(f"There are more than {FIELD_COUNT_LIMIT} header fields.", status=431)
    facts = Facts(FieldBlock(raw))
    found: dict[bytes, list[bytes]] = {}
    lowered = b"\n" + raw.lower()
    for name, value in _ACTING_FIELDS.findall(lowered):
        found.setdefault(name, []).append(value.strip(b" \t"))
    hosts = found.get(b"host")
    if hosts is not None:
        if len(hosts) > 1:
            raise bad_request("There are several Host fields.")
        facts.host = parse_host(hosts[0])
    if len(found) > (hosts is not None):
        if found.get(b"connection") == _KEEP_ALIVE and len(found) == 1 + (hosts is not None):
            facts.keep_alive = True  # what most viewers send
        else:
            _read_framing(facts, found)
    if facts.host is not None and not facts.close:
        facts.plain = _NOT_PLAIN.search(lowered) is None
        facts.passing = facts.plain or _NOT_PASSING.search(lowered) is None
    if facts.passing:
        index = facts.block.index()
        facts.codings = ", ".join(index.get("accept-encoding", ()))
        facts.conditions = tuple((name, value) for name in _CONDITIONS for value in index.get(name, ()))
        facts.traced = "traceparent" in index
        if facts.plain and len(facts.conditions) == 1 and facts.conditions[0][0] == "if-none-match":
            starts = (
                lowered.index(_ONE_CONDITION) + len(_ONE_CONDITION) - 1
            )  # raw begins without the line feed
            facts.around = raw[:starts], raw[raw.index(b"\r\n", starts) :]
    return facts


def with_other_tag(before: Facts, raw: bytes) -> Facts | None:
    """Return what ``read_facts`` would, where ``raw`` is the section of ``before`` with another entity tag; else None.

    Who revalidates what it holds sends the same fields for each of its objects, but for this one.
    """
    if before.around is None:
        return None
    head, rest = before.around
    if not raw.startswith(head) or not raw.endswith(rest) or len(raw) < len(head) + len(rest):
        return None
    tag = raw[len(head) : len(raw) - len(rest)]
    if b"\r" in tag:  # there are lines between the two
        return None
    facts = Facts(FieldBlock(raw), before.host, keep_alive=before.keep_alive)
    facts.plain = facts.passing = True  # as all that have something around
    facts.length, facts.codings, facts.traced = before.length, before.codings, before.traced
    facts.conditions = (("if-none-match", tag.decode("latin-1").strip(" \t")),)
    facts.around = before.around
    return facts


def _read_framing(facts: Facts, found: dict[bytes, list[bytes]]) -> None:
    options = {option.strip(b" \t") for option in b",".join(found.get(b"connection", [])).split(b",")}
    facts.close = b"close" in options
    facts.keep_alive = b"keep-alive" in options
    codings = found.get(b"transfer-encoding")
    lengths = found.get(b"content-length")
    if codings is not None:
        if lengths is not None:
            raise bad_request("Content-Length and Transfer-Encoding exclude each other.")
        if codings != [b"chunked"]:
            known = b",".join(codings).rstrip(b" \t").endswith(b"chunked")
            raise bad_request(
                "The only Transfer-Encoding understood is one chunked.", status=501 if known else 400
            )
        facts.chunked = True
    elif lengths is not None:
        try:
            facts.length = content_length(lengths)
        except FramingError as error:
            raise bad_request(f"In the request, {error}.") from error
    expectations = found.get(b"expect")
    if expectations is not None:
        if expectations != [b"100-continue"]:
            raise bad_request("The only expectation that can be met is 100-continue.", status=417)
        facts.expects_continue = True
    facts.websocket = b"upgrade" in options and found.get(b"upgrade") == [b"websocket"]


def split_target(target: bytes) -> tuple[str, str, bytes]:
    """Return path, query and authority (empty unless the target is in absolute form) of a request target.

    Octets outside ASCII come back percent-encoded. The path is otherwise as sent.

    Raises:
        RequestError: neither origin form nor absolute form (400), or too long (414).
    """
    if len(target) > TARGET_LIMIT_BYTES:
        raise bad_request(f"The URL is longer than {TARGET_LIMIT_BYTES} bytes.", status=414)
    authority = b""
    if not target.startswith(b"/"):
        match = _ABSOLUTE_FORM.fullmatch(target)
        if match is None:
            raise bad_request("The request target is neither a path nor an http URL.")
        authority, rest = match[1].lower(), match[2] or b"/"
        target = rest if rest.startswith(b"/") else b"/" + rest
    if b"#" in target:
        raise bad_request("The request target has a fragment.")
    if not target.isascii():
        target = _NOT_ASCII.sub(lambda octet: b"%%%02X" % octet[0][0], target)
    path, _, query = target.decode("ascii").partition("?")
    return path, query, authority


def explain(head: bytes) -> RequestError | None:  # noqa: PLR0911 # a list of reasons
    """Say why ``head``, not matched by ``REQUEST_HEAD``, is refused; None when more octets may mend it."""
    line_end = head.find(b"\r\n")
    complete = head.find(b"\r\n\r\n") >= 0
    if has_bare_lf(head):
        return bad_request("A line ends with LF alone.")
    if line_end < 0:
        if len(head) > TARGET_LIMIT_BYTES + 64:
            return bad_request(f"The URL is longer than {TARGET_LIMIT_BYTES} bytes.", status=414)
        if not re.match(TOKEN_CLASS + rb"*+(?: |$)", head):
            return bad_request("This is not an HTTP request.")
        return None
    line = _REQUEST_LINE.match(head)
    if line is None:
        return bad_request("The request line is malformed.")
    if len(line[2]) > TARGET_LIMIT_BYTES:
        return bad_request(f"The URL is longer than {TARGET_LIMIT_BYTES} bytes.", status=414)
    if line[3] != b"1" or line[4] not in (b"0", b"1"):
        return bad_request("Only the HTTP versions 1.0 and 1.1 are understood here.", status=505)
    if len(head) > HEAD_LIMIT_BYTES and not complete:
        return bad_request(f"The head is longer than {HEAD_LIMIT_BYTES} bytes.", status=431)
    return bad_request("A header field is malformed.") if complete else None
