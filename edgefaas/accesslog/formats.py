"""One line of the access log, as JSON or in the field order of CloudFront's standard logs. Pure.

Source: Amazon CloudFront Developer Guide, "Standard log file format" and "Standard log file fields" (33 fields,
version 1.0, W3C extended log file format). What is taken otherwise: ``c-ip`` is the viewer's address where a trusted
proxy forwarded it, ``cs(Host)`` the host without its port, ``x-edge-location`` the POP, and ``x-edge-result-type`` may
be a word of ``X-Cache`` that says which function answered.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import orjson

from edgefaas.contract import Exchange
from edgefaas.message import Request

FIELDS: Final = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) "
    "cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken "
    "x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status "
    "fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "
    "sc-range-start sc-range-end"
)
HEADER: Final = f"#Version: 1.0\n#Fields: {FIELDS}\n"
VIEWER_LEFT = 499  # outgoing.STATUS_VIEWER_LEFT: there was no status yet
ERRORS = 400
SERVER_ERRORS = 500
_NONE = "-"
_SIZE = "octets of these fields"
_ENCODED = re.compile(r"""[^!$&()*+,\-./0-9:;=?@A-Z_a-z]""")
_TYPE = re.compile(rb"\r\nContent-Type: ([^\r]*)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)", re.IGNORECASE)
_RANGE = re.compile(rb"\r\nContent-Range: bytes ([0-9]+)-([0-9]+)", re.IGNORECASE)
_PLAIN_WORDS = frozenset({"Hit", "RefreshHit", "Miss", ""})
_LIMITS = frozenset({"LambdaLimitExceeded", "FunctionThrottledError"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a line says beside its exchange: the instant of its end (Unix seconds), the word of X-Cache, the POP."""

    at_s: float
    word: str = ""
    pop: str = ""
    cookies: bool = False


Formatter = Callable[[Exchange, Context], bytes]


@dataclass(frozen=True, slots=True)
class LineFormat:
    """How lines look, and what stands at the top of each file."""

    line: Formatter
    header: bytes = b""


def encoded(value: str | None) -> str:
    r"""Return a value as it may stand in a line of CloudFront's: percent-encoded, "-" for none.

    Encoded are octets 0 to 32, 127 and above, and ``<>"#%{}|\^~[]`'``. Text is octets as latin-1, as fields are.
    """
    if not value:
        return _NONE
    return _ENCODED.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", value)


_known = lru_cache(maxsize=4_096)(
    encoded
)  # of values that come again and again: hosts, agents, content types


def result_types(status: int, word: str, *, aborted: bool) -> tuple[str, str, str]:
    """Return ``x-edge-result-type``, ``x-edge-response-result-type`` and ``x-edge-detailed-result-type``."""
    said = word.removesuffix(" from edgefaas")
    detailed = said
    if said in _PLAIN_WORDS and (status >= ERRORS or not said):
        said = detailed = "Error" if status >= ERRORS else "Miss"
    elif said in _LIMITS:
        said = "LimitExceeded"
    if aborted:
        return "Error", "Error" if status == VIEWER_LEFT else said, "ClientCommError"
    return said, said, detailed


def request_bytes(request: Request) -> int:
    """Return how many octets the viewer sent: request line, fields and body, without its framing."""
    fields = request.headers
    memo = fields.memo
    size = memo.get(_SIZE) if memo is not None else None
    if not isinstance(size, int):
        size = sum(len(name) + len(value) for name, value in fields) + 4 * len(fields)
        if memo is not None:
            memo[_SIZE] = size
    body = request.body
    head = len(request.method) + len(request.target) + len("  HTTP/1.1\r\n\r\n") + size
    return head + (len(body) if isinstance(body, bytes) else int(getattr(body, "length_bytes", 0)))


@lru_cache(maxsize=4)
def _instant(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d\t%H:%M:%S")


def _timestamp(at_s: float) -> str:
    """Return RFC 3339 with milliseconds."""
    ms = int(at_s * 1000)
    return f"{_instant(ms // 1000).replace(chr(9), 'T')}.{ms % 1000:03}Z"


def cloudfront_line(exchange: Exchange, context: Context) -> bytes:
    """Return one line of 33 fields."""
    request, status, head = exchange.request, exchange.status, exchange.head
    get = request.headers.get
    result, response_result, detailed = result_types(status, context.word, aborted=exchange.aborted)
    content = _TYPE.search(head)
    length = _LENGTH.search(head)
    span = _RANGE.search(head)
    websocket = request.upgrade is not None
    protocol = ("wss" if request.scheme == "https" else "ws") if websocket else request.scheme
    version, cipher = exchange.tls
    fields = (
        _instant(int(context.at_s)),
        context.pop or _NONE,
        str(len(head) + exchange.body_bytes),
        request.viewer_ip or _NONE,
        request.method or _NONE,
        _known(request.host.partition(":")[0] if not request.host.startswith("[") else request.host),
        encoded(request.path),
        "000" if status == VIEWER_LEFT else str(status),
        encoded(get("referer")),
        _known(get("user-agent")),
        encoded(request.query),
        encoded(get("cookie")) if context.cookies else _NONE,
        result,
        request.id or _NONE,
        _known(request.host),
        protocol,
        str(request_bytes(request)),
        f"{exchange.took_s:.3f}",
        encoded(get("x-forwarded-for")),
        version or _NONE,
        cipher or _NONE,
        response_result,
        f"HTTP/{request.http_version}",
        _NONE,
        _NONE,
        str(request.viewer_port),
        f"{exchange.first_byte_s:.3f}",
        detailed,
        _known(content[1].decode("latin-1")) if content else _NONE,
        length[1].decode("ascii") if length else _NONE,
        span[1].decode("ascii") if span else _NONE,
        span[2].decode("ascii") if span else _NONE,
    )
    return ("\t".join(fields) + "\n").encode("latin-1", "replace")


def json_line(exchange: Exchange, context: Context) -> bytes:
    """Return one JSON object. Texts are as latin-1 octets read them; what is not there is left out."""
    request, head = exchange.request, exchange.head
    get = request.headers.get
    content = _TYPE.search(head)
    line: dict[str, object] = {
        "at": _timestamp(context.at_s),
        "request_id": request.id,
        "viewer": request.viewer_ip,
        "viewer_port": request.viewer_port,
        "method": request.method,
        "scheme": request.scheme,
        "host": request.host,
        "target": request.target,
        "http_version": request.http_version,
        "status": exchange.status,
        "x_cache": context.word.removesuffix(" from edgefaas"),
        "bytes": len(head) + exchange.body_bytes,
        "body_bytes": exchange.body_bytes,
        "request_bytes": request_bytes(request),
        "took_ms": round(exchange.took_s * 1000, 3),
        "first_byte_ms": round(exchange.first_byte_s * 1000, 3),
        "aborted": exchange.aborted,
    }
    if context.pop:
        line["pop"] = context.pop
    for name in ("referer", "user-agent", "x-forwarded-for", *(("cookie",) if context.cookies else ())):
        if (value := get(name)) is not None:
            line[name.replace("-", "_")] = value
    if request.ran:
        line["functions"] = request.ran
    if content:
        line["content_type"] = content[1].decode("latin-1")
    if exchange.tls[0]:
        line["tls_version"], line["tls_cipher"] = exchange.tls
    if request.trace is not None and request.trace.recorded and request.trace.trace.tells:
        line["trace_id"] = request.trace.trace.trace_id
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


FORMATS: Mapping[str, LineFormat] = {
    "json": LineFormat(json_line),
    "cloudfront": LineFormat(cloudfront_line, HEADER.encode("ascii")),
}
