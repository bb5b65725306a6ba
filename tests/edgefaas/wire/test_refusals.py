"""What is refused, with which status, and that nothing after it on the connection is believed."""

import pytest
import uvloop

from edgefaas.wire import WireSettings
from tests.edgefaas.wire.serving import serving

SMUGGLED = b"GET /inline-smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def head(*lines: str, start: str = "GET /inline HTTP/1.1") -> bytes:
    return "\r\n".join((start, "Host: a", *lines, "", "")).encode("latin-1")


REFUSED = {
    "both lengths": (400, head("Content-Length: 5", "Transfer-Encoding: chunked")),
    "both lengths, other order": (400, head("Transfer-Encoding: chunked", "Content-Length: 5")),
    "several lengths": (400, head("Content-Length: 5", "Content-Length: 5")),
    "a list of lengths": (400, head("Content-Length: 5, 5")),
    "a signed length": (400, head("Content-Length: +5")),
    "a hexadecimal length": (400, head("Content-Length: 0x5")),
    "an empty length": (400, head("Content-Length:")),
    "a length with an underscore": (400, head("Content-Length: 1_0")),
    "a huge length": (400, head("Content-Length: 99999999999999999999")),
    "chunked twice": (501, head("Transfer-Encoding: chunked, chunked")),
    "chunked on two lines": (501, head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
    "gzip before chunked": (501, head("Transfer-Encoding: gzip, chunked")),
    "chunked not last": (400, head("Transfer-Encoding: chunked, identity")),
    "an unknown coding": (400, head("Transfer-Encoding: xchunke")),
    "a quoted coding": (400, head('Transfer-Encoding: "chunked"')),
    "an empty coding": (400, head("Transfer-Encoding:")),
    "a vertical tab before the coding": (400, head("Transfer-Encoding: \x0bchunked")),
    "a blank before the colon": (400, head("Content-Length : 5")),
    "a tab before the colon": (400, head("Transfer-Encoding\t: chunked")),
    "a folded line": (400, head("X: a", " Content-Length: 5")),
    "a folded first line": (400, b"GET /inline HTTP/1.1\r\n Host: a\r\n\r\n"),
    "bare LF between lines": (400, b"GET /inline HTTP/1.1\nHost: a\r\n\r\n"),
    "bare LF in a value": (400, head("X: a\nContent-Length: 5")),
    "bare LF at the end": (400, b"GET /inline HTTP/1.1\r\nHost: a\n\n"),
    "bare CR in a value": (400, head("X: a\rContent-Length: 5")),
    "NUL in a value": (400, head("X: a\x00b")),
    "NUL in a name": (400, head("X\x00: a")),
    "a name with a bracket": (400, head("X[: a")),
    "a name outside ASCII": (400, head("X\xe9: a")),
    "an empty name": (400, head(": a")),
    "a line without a colon": (400, head("X")),
    "several hosts": (400, head("Host: b")),
    "several equal hosts": (400, head("Host: a")),
    "no host": (400, b"GET /inline HTTP/1.1\r\n\r\n"),
    "an empty host": (400, b"GET /inline HTTP/1.1\r\nHost:\r\n\r\n"),
    "a host with a path": (400, b"GET /inline HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "a host with userinfo": (400, b"GET /inline HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    "a host with a blank": (400, b"GET /inline HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "a host with a comma": (400, b"GET /inline HTTP/1.1\r\nHost: a,b\r\n\r\n"),
    "a port that is none": (400, b"GET /inline HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
    "no host in an absolute target": (400, head(start="GET http:///inline HTTP/1.1")),
    "userinfo in an absolute target": (400, head(start="GET http://u@a/inline HTTP/1.1")),
    "another scheme": (400, head(start="GET ftp://a/inline HTTP/1.1")),
    "a target without a slash": (400, head(start="GET inline HTTP/1.1")),
    "a fragment": (400, head(start="GET /inline#x HTTP/1.1")),
    "a blank in the target": (400, head(start="GET /in line HTTP/1.1")),
    "a control in the target": (400, head(start="GET /in\x01line HTTP/1.1")),
    "an asterisk that is not for OPTIONS": (400, head(start="GET * HTTP/1.1")),
    "a tunnel": (405, head(start="CONNECT a:443 HTTP/1.1")),
    "a tunnel to a path": (405, head(start="CONNECT /inline HTTP/1.1")),
    "HTTP/2.0": (505, head(start="GET /inline HTTP/2.0")),
    "the preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/1.2": (505, head(start="GET /inline HTTP/1.2")),
    "a version in lower case": (400, head(start="GET /inline http/1.1")),
    "no version": (400, b"GET /inline\r\n\r\n"),
    "a TLS hello": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "chunked in HTTP/1.0": (400, head("Transfer-Encoding: chunked", start="POST / HTTP/1.0")),
    "another expectation": (417, head("Expect: the-unexpected")),
    "two expectations": (417, head("Expect: 100-continue", "Expect: 100-continue")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_malformed_request_is_refused_and_nothing_behind_it_is_served(what: str) -> None:
    status, octets = REFUSED[what]

    async def check() -> None:
        async with serving() as served:
            answer = await served.exchange(octets + SMUGGLED)
            assert answer.startswith(f"HTTP/1.1 {status} ".encode())
            assert answer.count(b"HTTP/1.1 ") == 1
            assert b"\r\nConnection: close\r\n" in answer
            assert b"\r\nDate: " in answer
            assert b"Traceback" not in answer
            assert not served.side.requests
            assert served.side.exchanges[0].status == status

    uvloop.run(check())


CHUNKS = {
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "a signed size": b"+3\r\nabc\r\n0\r\n\r\n",
    "a size with a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a size with a blank before": b" 3\r\nabc\r\n0\r\n\r\n",
    "a size that is too large": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "a size ended by LF": b"3\nabc\r\n0\r\n\r\n",
    "an extension with LF": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "an extension with CR": b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "an extension without end": b"3;" + b"a" * 5000,
    "a chunk longer than its size": b"2\r\nabc\r\n0\r\n\r\n",
    "a chunk ended by LF": b"3\r\nabc\n0\r\n\r\n",
    "a malformed trailer": b"3\r\nabc\r\n0\r\nX : y\r\n\r\n",
    "a folded trailer": b"3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n",
    "a trailer ended by LF": b"3\r\nabc\r\n0\r\nX: y\n\r\n",
    "trailers without end": b"0\r\n" + b"X: y\r\n" * 4000,
}


@pytest.mark.parametrize("what", CHUNKS)
def test_a_malformed_chunk_breaks_the_body_and_ends_the_connection(what: str) -> None:
    async def check() -> None:
        async with serving() as served:
            start = head("Transfer-Encoding: chunked", start="POST /x HTTP/1.1")
            answer = await served.exchange(start + CHUNKS[what] + SMUGGLED)
            assert b"smuggled" not in answer
            assert b"200 OK" not in answer
            assert len(served.side.requests) == 1
            await served.until(lambda: not served.state.connections)

    uvloop.run(check())


@pytest.mark.parametrize(("size", "status"), [(16 * 1024, 200), (16 * 1024 + 1, 414)])
def test_a_url_has_at_most_16_kib(size: int, status: int) -> None:
    async def check() -> None:
        async with serving() as served:
            target = "/inline" + "a" * (size - 7)
            answer = await served.exchange(head("Connection: close", start=f"GET {target} HTTP/1.1"))
            assert answer.startswith(f"HTTP/1.1 {status} ".encode())

    uvloop.run(check())


def test_a_url_without_end_is_refused_before_it_ends() -> None:
    async def check() -> None:
        async with serving() as served:
            answer = await served.exchange(b"GET /" + b"a" * 20_000)
            assert answer.startswith(b"HTTP/1.1 414 ")

    uvloop.run(check())


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 431)])
def test_a_head_has_at_most_64_kib(extra: int, status: int) -> None:
    async def check() -> None:
        async with serving() as served:
            start = b"GET /inline HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: "
            octets = start + b"a" * (65536 - len(start) - 4 + extra) + b"\r\n\r\n"
            assert len(octets) == 65536 + extra
            viewer = await served.viewer()
            for position in range(0, len(octets), 7000):
                await viewer.send(octets[position : position + 7000])
            assert (await viewer.rest()).startswith(f"HTTP/1.1 {status} ".encode())

    uvloop.run(check())


@pytest.mark.parametrize(("count", "status"), [(200, 200), (201, 431)])
def test_a_head_has_at_most_200_fields(count: int, status: int) -> None:
    async def check() -> None:
        async with serving() as served:
            answer = await served.exchange(head("Connection: close", *["X: y"] * (count - 2)))
            assert answer.startswith(f"HTTP/1.1 {status} ".encode())

    uvloop.run(check())


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413)])
def test_a_body_has_at_most_the_bytes_of_the_settings(size: int, status: int, *, chunked: bool) -> None:
    async def check() -> None:
        async with serving(settings=WireSettings(body_limit_bytes=1000)) as served:
            frame = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size) if chunked else b"x" * size
            answer = await served.exchange(head(frame, "Connection: close", start="POST / HTTP/1.1") + body)
            assert answer.startswith(f"HTTP/1.1 {status} ".encode())

    uvloop.run(check())


def test_an_absolute_target_replaces_the_host() -> None:
    async def check() -> None:
        async with serving() as served:
            for target, path in (("http://B.example:81/x?y", "/x"), ("HTTP://b.example:81?y", "/")):
                answer = await served.exchange(head("Connection: close", start=f"GET {target} HTTP/1.1"))
                assert answer.startswith(b"HTTP/1.1 200 ")
                request = served.side.requests[-1]
                assert (request.host, request.path, request.query) == ("b.example:81", path, "y")
                assert request.headers.values("host") == ["b.example:81"]

    uvloop.run(check())


def test_octets_outside_ascii_in_a_target_are_percent_encoded() -> None:
    async def check() -> None:
        async with serving() as served:
            await served.exchange(head("Connection: close", start="GET /inline/\xc3\xa9?\xff HTTP/1.1"))
            assert served.side.requests[0].target == "/inline/%C3%A9?%FF"

    uvloop.run(check())


def test_options_asterisk_is_answered_by_the_wire() -> None:
    async def check() -> None:
        async with serving() as served:
            answer = await served.exchange(head("Connection: close", start="OPTIONS * HTTP/1.1"))
            assert answer.startswith(b"HTTP/1.1 204 ")
            assert b"\r\nAllow: GET, HEAD" in answer
            assert not served.side.requests

    uvloop.run(check())


def test_an_upgrade_to_anything_but_websocket_is_ignored() -> None:
    async def check() -> None:
        async with serving() as served:
            answer = await served.exchange(head("Connection: Upgrade, close", "Upgrade: h2c") + SMUGGLED)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.count(b"HTTP/1.1 ") == 1

    uvloop.run(check())
