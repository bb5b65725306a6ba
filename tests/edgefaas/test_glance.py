"""What is read at a glance is what the long way reads, and the viewer gets the same octets."""

from hypothesis import example, given
from hypothesis import strategies as st

from edgefaas.answers import Answers
from edgefaas.cache import Forward, MemoryStore, Pass, Timing, XCache, storability
from edgefaas.glance import glance, passes_by, refused, written
from edgefaas.keeping import Keeper
from edgefaas.message import Headers, Request, Response
from edgefaas.origin.fields import from_origin
from edgefaas.origin.heads import body_framing, read_head
from edgefaas.site import CachePolicy
from edgefaas.wire import prepare
from edgefaas.wire.chunks import ChunkedDecoder
from edgefaas.wire.grammar import FIELD_COUNT_LIMIT, HEAD_LIMIT_BYTES, FramingError
from edgefaas.wire.render import encode_fields

DATE = "Sun, 22 Nov 2026 11:00:00 GMT"
SIGNED = encode_fields(
    list(
        Answers(keeper=Keeper(store=MemoryStore(1)), pop="fra")
        .forwarded(
            Request(method="GET", path="/", id="1f"),
            Response(status=200),
            Forward.URI_MISS,
            XCache.MISS,
            stored=False,
            collapsed=False,
        )
        .headers
    )
).removesuffix(b"\r\n")

PLAIN = [
    "Content-Type: text/plain", "Connection: keep-alive", "Connection: Keep-Alive", "Keep-Alive: timeout=5",
    "Date: Sun, 06 Nov 1994 08:49:37 GMT", "Cache-Control: no-store", "cache-control: NO-STORE",
    "Cache-Control: private",
    "Cache-Control: max-age=60", "Cache-Control: max-age=0", "Cache-Control: public", "Cache-Control: no-cache",
    "Cache-Control: s-maxage=1", 'Cache-Control: private="Set-Cookie"', "Cache-Control: no-store, must-understand",
    'ETag: "a"', "Expires: 0", "Expires: Sun, 06 Nov 2094 08:49:37 GMT", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
    "Set-Cookie: a=b", "Set-Cookie: c=d", "Vary: *", "Vary: Cookie", "Cache-Status: other; hit", "Age: 7",
    "Pragma: no-cache", "X-Empty: ", "X-Octets: \xe9\xff", "X-In: a \t b", "Server-Timing: a;dur=1",
]  # fmt: skip
ODD = [
    "content-length: 5", "Content-Length: 5", "Content-Length: 4", "Content-Length: 05", "Content-Length:5",
    "Content-Length: 5, 5", "Content-Length: -1", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
    "Connection: close", "Connection: x-any", "X-Any: 1", "Date: now", "CDN-Cache-Control: max-age=5",
    "CDN-Cache-Control: no-store", "X-Cache: Hit from elsewhere", "X-Edge-Pop: iad", "X-Edge-Request-Id: 9",
    "Upgrade: h2c", "Trailer: X", "TE: trailers", "Proxy-Connection: keep-alive", "X-Empty:", "X-Two:  blanks",
    "X-Tab:\tone", "X-After: blank ", "bad line",
]  # fmt: skip
lines = st.sampled_from(PLAIN + ODD)
statuses = st.sampled_from(
    """200 OK|200|200 |203 Yes|204 No Content|205 Reset|206 Part|301 Moved|304 Not Modified|404 Not Found|412 No|416 No
418  tea|451 x |500 Oh|599 \xe9|600 No|099 No|103 Early""".replace("\n", "|").split("|")
)
bodies = st.sampled_from(
    rb"""|hello|hell|hello!|5\r\nhello\r\n0\r\n\r\n
2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n|5\r\nhello\r\n0\r\n\r\nHTTP
5\r\nhello\r\n|zz\r\n|0\r\n\r\n""".replace(b"\n", b"|")
    .replace(rb"\r\n", b"\r\n")
    .split(b"|")
)
policies = st.builds(
    CachePolicy,
    min_ttl_s=st.sampled_from([0.0, 5.0]),
    default_ttl_s=st.sampled_from([0.0, 60.0]),
    error_ttl_s=st.sampled_from([0.0, 10.0]),
    store_set_cookie=st.booleans(),
)


def response(status: str, fields: list[str], body: bytes, version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"{version} {status}", *fields, "", ""]).encode("latin-1") + body


def long_way(data: bytes) -> Response | None:
    """Return the response if it is whole, leaves its connection open, and nothing is behind it."""
    try:
        found = read_head(data)
        if found is None or found[0].interim or not found[0].persistent:
            return None
        head, size = found
        framing = body_framing("GET", head)
        rest = data[size:]
        if framing.chunked:
            decoder = ChunkedDecoder()
            pieces, used = decoder.feed(rest)
            if not decoder.done or used != len(rest):
                return None
            rest = b"".join(pieces)
        elif framing.length is None or framing.length != len(rest):
            return None
    except FramingError:
        return None
    return Response(status=head.status, reason=head.reason, headers=from_origin(head.headers), body=rest)


@given(status=statuses, fields=st.lists(lines, max_size=7), body=bodies, minor=st.sampled_from("0111"))
@example(status="200 OK", fields=["Content-Length: 5"], body=b"hello", minor="1")
@example(status="200 OK", fields=["Date: now", "Content-Length: 5"], body=b"hello", minor="1")
@example(status="404 No", fields=["Transfer-Encoding: chunked"], body=b"5\r\nhello\r\n0\r\n\r\n", minor="1")
def test_what_is_seen_at_a_glance_is_written_as_the_long_way_would(
    status: str, fields: list[str], body: bytes, minor: str
) -> None:
    data = response(status, fields, body, f"HTTP/1.{minor}")
    seen = glance(data)
    if seen is None:
        return
    whole = long_way(data)
    assert whole is not None
    asking = Request(method="GET", path="/", id="1f")
    answers = Answers(keeper=Keeper(store=MemoryStore(1)), pop="fra")
    signed = answers.forwarded(asking, whole, Forward.URI_MISS, XCache.MISS, stored=False, collapsed=False)
    assert written(seen, SIGNED, DATE) == prepare(signed, method="GET", date=DATE)
    assert written(seen, SIGNED, DATE).head.startswith(b"HTTP/1.1 %d " % seen.status)


@given(
    status=st.sampled_from(["200 OK", "301 Moved", "404 Not Found", "451 x", "500 Oh", "299 Any"]),
    fields=st.lists(st.sampled_from(PLAIN), max_size=5),
    policy=policies,
    asked=st.lists(st.sampled_from([("Cookie", "a=b"), ("X-Original-URL", "/b"), ("Accept", "*/*")])),
)
def test_what_surely_passes_is_never_to_be_stored(
    status: str, fields: list[str], policy: CachePolicy, asked: list[tuple[str, str]]
) -> None:
    data = response(status, ["Content-Length: 5", *fields], b"hello")
    seen = glance(data)
    if seen is None:  # two of what there may be one of
        return
    whole = long_way(data)
    assert whole is not None
    request = Request(method="GET", path="/", host="a.example", headers=Headers(asked))
    timing = Timing(request_time_s=1e9, response_time_s=1e9 + 1)
    passes = refused(seen, policy)
    if passes or (passes is None and passes_by(seen, request, policy, "k", timing)):
        assert isinstance(storability(request, whole, policy, "k", timing), Pass)


def test_what_everybody_sends_is_seen_at_a_glance() -> None:
    for fields in (
        ["Content-Length: 5"],
        [
            "Server: nginx",
            f"Date: {DATE}",
            "Content-Length: 5",
            "Connection: keep-alive",
            "Cache-Control: no-store",
        ],
        ["Connection: keep-alive", "Keep-Alive: timeout=5", "Set-Cookie: a=b; Path=/", "content-length: 5"],
    ):
        seen = glance(response("200 OK", fields, b"hello"))
        assert seen is not None
        timing = Timing(request_time_s=0, response_time_s=0)
        assert refused(seen, CachePolicy()) or passes_by(
            seen, Request(method="GET", path="/"), CachePolicy(), "k", timing
        )
    assert glance(response("200 OK", ["Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n")) is not None


def test_a_head_over_a_limit_is_left_to_the_long_way() -> None:
    def with_lines(count: int) -> bytes:
        return response("200 OK", ["Content-Length: 5", *(["X: y"] * (count - 1))], b"hello")

    def with_bytes(size: int) -> bytes:
        short = response("200 OK", ["Content-Length: 5", "X: y"], b"hello")
        return response("200 OK", ["Content-Length: 5", "X: " + "y" * (size - len(short) + 6)], b"hello")

    assert glance(with_lines(FIELD_COUNT_LIMIT)) is not None
    assert glance(with_lines(FIELD_COUNT_LIMIT + 1)) is None
    assert glance(with_bytes(HEAD_LIMIT_BYTES)) is not None
    assert glance(with_bytes(HEAD_LIMIT_BYTES + 1)) is None
