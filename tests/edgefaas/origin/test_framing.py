"""What an origin may send, and what it may not, over real sockets."""

import asyncio

import pytest
import uvloop

from edgefaas.errors import OriginError
from edgefaas.message import Headers, Request
from tests.edgefaas.origin.scripted import OK, Origin, OriginSide, body_of, scripted


def run(octets: bytes, check: "object", *, method: str = "GET", close: bool = True) -> None:
    """Let each connection answer once with ``octets``, then close (or wait for the client to)."""

    async def script(side: OriginSide) -> None:
        await side.answer(octets)
        if not close:
            await side.closed()

    async def main() -> None:
        async with scripted(script) as origin:
            await check(origin, Request(method=method, path="/"))  # type: ignore[operator]

    uvloop.run(main())


ACCEPTED = {
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "equal lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x\r\nk\r\n0\r\nT: 1\r\n\r\n",
        b"ok",
    ),
    "chunks in capitals": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", b""),
    "until the end": (b"HTTP/1.1 200 OK\r\n\r\nok", b"ok"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nok", b"ok"),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "an odd status": (b"HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "204 with a length": (b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n", b""),
    "304 with a length": (b"HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n", b""),
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_a_well_framed_answer_comes_back_whole(what: str) -> None:
    octets, body = ACCEPTED[what]

    async def check(origin: Origin, request: Request) -> None:
        response = await origin.fetch(request)
        assert response.status == int(octets[9:12])
        assert await body_of(response) == body

    run(octets, check)


REFUSED = {
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    "different lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "a list of different lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok!",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: abc\r\n\r\nok",
    "gzip and chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "a blank before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "a CR in a value": b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\nok",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\x00\r\n\r\nok",
    "garbage": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a two-digit status": b"HTTP/1.1 20 OK\r\n\r\nok",
    "a low status": b"HTTP/1.1 099 OK\r\n\r\nok",
    "HTTP/2": b"HTTP/2 200 OK\r\n\r\nok",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "a head over 64 KiB": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 65536 + b"\r\n\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 11000,
    "too many fields": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 201 + b"\r\n",
    "interim answers without end": b"HTTP/1.1 102 Wait\r\n\r\n" * 33,
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_answer_that_could_be_read_in_two_ways_is_an_origin_error(what: str) -> None:
    async def check(origin: Origin, request: Request) -> None:
        with pytest.raises(OriginError) as caught:
            await origin.fetch(request)
        assert caught.value.remedy
        await origin.until(lambda: origin.client.stats()[f"http://127.0.0.1:{origin.port}"]["live"] == 0)

    run(REFUSED[what], check)


BROKEN = {
    "fewer bytes than declared": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "a malformed chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokk\r\n0\r\n\r\n",
    "a malformed trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n",
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_body_that_breaks_off_raises_while_it_is_read(what: str) -> None:
    async def check(origin: Origin, request: Request) -> None:
        with pytest.raises(OriginError):
            await body_of(await origin.fetch(request))

    run(BROKEN[what], check)


def test_an_answer_to_head_has_no_body_whatever_its_length_says() -> None:
    async def check(origin: Origin, request: Request) -> None:
        response = await origin.fetch(request)
        assert response.body == b""
        assert response.headers.get("content-length") == "10"

    run(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", check, method="HEAD")


@pytest.mark.parametrize(
    "octets",
    [
        OK + b"26 stray octets of evil....",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + OK,
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + OK,
    ],
)
def test_octets_behind_the_declared_end_close_the_connection(octets: bytes) -> None:
    async def check(origin: Origin, request: Request) -> None:
        for count in range(1, 4):
            await body_of(await origin.fetch(request))
            assert origin.connections_count == count
            await origin.until(lambda: origin.client.stats()[f"http://127.0.0.1:{origin.port}"]["live"] == 0)

    run(octets, check, close=False)


def test_octets_that_come_later_close_the_idle_connection() -> None:
    async def script(side: OriginSide) -> None:
        await side.answer(OK)
        await asyncio.sleep(0)
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await side.closed()

    async def main() -> None:
        async with scripted(script) as origin:
            for _ in range(3):
                assert await origin.get() == b"ok"
                await origin.until(
                    lambda: origin.client.stats()[f"http://127.0.0.1:{origin.port}"]["live"] == 0
                )

    uvloop.run(main())


def test_interim_responses_are_passed_on_except_100() -> None:
    octets = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
    )
    seen: list[tuple[int, str | None]] = []

    def interim(status: int, headers: Headers) -> None:
        seen.append((status, headers.get("link")))

    async def check(origin: Origin, request: Request) -> None:
        request.interim = interim
        assert await body_of(await origin.fetch(request)) == b"ok"
        assert seen == [(103, "</a>"), (102, None)]

    run(octets + OK, check)


def test_hop_by_hop_fields_stay_behind_and_others_keep_their_case_and_order() -> None:
    octets = (
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Content-Length: 2\r\nX-End: a\r\nset-cookie: a\r\nset-cookie: b\r\nTrailer: T\r\n\r\nok"
    )

    async def check(origin: Origin, request: Request) -> None:
        response = await origin.fetch(request)
        assert list(response.headers) == [
            ("Content-Length", "2"),
            ("X-End", "a"),
            ("set-cookie", "a"),
            ("set-cookie", "b"),
        ]

    run(octets, check)
