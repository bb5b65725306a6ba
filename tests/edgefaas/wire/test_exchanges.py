"""What a viewer sees of ordinary exchanges, over real sockets."""

import asyncio
from collections.abc import AsyncIterator

import uvloop

from edgefaas.errors import RequestError
from edgefaas.message import Headers, Request, Response
from tests.edgefaas.wire.serving import echo, read_body, serving

GET = b"GET /inline HTTP/1.1\r\nHost: a\r\n\r\n"


def run(test: "asyncio.Future[None] | object") -> None:
    uvloop.run(test)  # type: ignore[arg-type]


def test_an_inline_answer_is_written_and_the_connection_stays() -> None:
    async def check() -> None:
        async with serving() as served:
            viewer = await served.viewer()
            for _ in range(3):
                await viewer.send(GET)
                status, fields, body = await viewer.response()
                assert (status, body) == (200, b"/inline")
                assert "connection" not in fields
            assert [exchange.status for exchange in served.side.exchanges] == [200] * 3
            assert served.side.exchanges[0].body_bytes == 7
            assert served.state.total_requests == 3

    run(check())


def test_pipelined_requests_are_answered_in_order_whether_inline_or_not() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.01)
        return await echo(request)

    async def check() -> None:
        async with serving(slow) as served:
            viewer = await served.viewer()
            wanted = [f"/inline{n}" if n % 3 else f"/task{n}" for n in range(30)]
            await viewer.send(b"".join(f"GET {t} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for t in wanted))
            for target in wanted:
                _, fields, body = await viewer.response()
                assert target == (fields.get("x-target") or body.decode())

    run(check())


def test_many_pipelined_inline_requests_are_all_answered() -> None:
    async def check() -> None:
        async with serving() as served:
            viewer = await served.viewer()
            await viewer.send(GET * 5000)
            for _ in range(5000):
                assert (await viewer.response())[2] == b"/inline"

    run(check())


def test_a_request_that_arrives_octet_by_octet_is_answered() -> None:
    async def check() -> None:
        async with serving() as served:
            viewer = await served.viewer()
            for octet in b"\r\n" + b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + GET:
                await viewer.send(bytes([octet]))
                await asyncio.sleep(0)
            assert (await viewer.response())[2] == b"abc"
            assert (await viewer.response())[2] == b"/inline"

    run(check())


def test_the_fields_of_a_request_reach_the_viewer_side_as_sent() -> None:
    async def check() -> None:
        async with serving() as served:
            viewer = await served.viewer()
            await viewer.send(b"GET /a%20b?c=d&e HTTP/1.1\r\nHOST:  Ex.Org:81 \r\nX-Y: 1\r\nx-y:2\r\n\r\n")
            await viewer.response()
            request = served.side.requests[0]
            assert (request.path, request.query, request.host) == ("/a%20b", "c=d&e", "ex.org:81")
            assert list(request.headers) == [("HOST", "Ex.Org:81"), ("X-Y", "1"), ("x-y", "2")]
            assert request.headers.get("x-y") == "1, 2"
            assert request.viewer_ip == "127.0.0.1"
            assert request.viewer_port > 0
            assert request.http_version == "1.1"

    run(check())


def test_any_method_and_any_status_of_http_pass() -> None:
    async def teapot(request: Request) -> Response:
        return Response(status=int(request.path[1:]), body=request.method.encode())

    async def check() -> None:
        async with serving(teapot) as served:
            viewer = await served.viewer()
            for status in (200, 299, 418, 599):
                await viewer.send(f"M-SEARCH! /{status} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert (await viewer.response())[::2] == (status, b"M-SEARCH!")
            for status in (0, 99, 600, 999, 1000):  # RFC 9110, 15
                await viewer.send(f"GET /{status} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert (await viewer.response())[0] == 502

    run(check())


def test_small_bodies_come_as_bytes_and_large_ones_stream() -> None:
    async def check() -> None:
        async with serving() as served:
            viewer = await served.viewer()
            await viewer.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            assert (await viewer.response())[2] == b"abc"
            assert served.side.requests[0].body == b"abc"
            big = bytes(range(256)) * 8192
            await viewer.send(b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(big) + big)
            assert (await viewer.response())[2] == big
            await viewer.send(
                b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: dropped\r\n\r\n" + GET
            )
            assert (await viewer.response())[2] == b"abcd"
            assert (await viewer.response())[2] == b"/inline"

    run(check())


def test_continue_is_sent_only_when_the_body_is_asked_for() -> None:
    async def refuse(request: Request) -> Response:
        return Response(status=403) if request.path == "/no" else await echo(request)

    async def check() -> None:
        head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n"
        async with serving(refuse) as served:
            viewer = await served.viewer()
            await viewer.send(head % b"/yes")
            assert await viewer.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
            await viewer.send(b"abc")
            assert (await viewer.response())[2] == b"abc"
            await viewer.send(head % b"/no")
            status, fields, _ = await viewer.response()
            assert status == 403
            assert fields["connection"] == "close"  # nobody knows whether the body will come
            assert await viewer.rest() == b""

    run(check())


def test_a_streamed_body_is_chunked_or_until_close_for_1_0() -> None:
    async def stream(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"ab", b"", b"c" * 70_000):
                yield piece

        return Response(status=200, body=pieces())

    async def check() -> None:
        async with serving(stream) as served:
            viewer = await served.viewer()
            for _ in range(2):
                await viewer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                _, fields, body = await viewer.response()
                assert fields["transfer-encoding"] == "chunked"
                assert body == b"ab" + b"c" * 70_000
            octets = await served.exchange(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            head, _, body = octets.partition(b"\r\n\r\n")
            assert b"Connection: close" in head
            assert b"chunked" not in head
            assert body == b"ab" + b"c" * 70_000

    run(check())


def test_1_0_keeps_the_connection_only_when_asked() -> None:
    async def check() -> None:
        async with serving() as served:
            viewer = await served.viewer()
            await viewer.send(b"GET /inline HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (await viewer.response())[1]["connection"] == "keep-alive"
            await viewer.send(b"GET /task HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (await viewer.response())[1]["connection"] == "keep-alive"
            await viewer.send(b"GET /inline HTTP/1.0\r\n\r\n")
            assert (await viewer.response())[1]["connection"] == "close"
            assert await viewer.rest() == b""

    run(check())


def test_head_204_and_304_have_no_body() -> None:
    async def bodies(request: Request) -> Response:
        return Response(status=int(request.path[1:]), body=b"abc" if request.method == "HEAD" else b"")

    async def check() -> None:
        async with serving(bodies) as served:
            viewer = await served.viewer()
            await viewer.send(b"HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await viewer.response(method="HEAD"))[1]["content-length"] == "3"
            for status in (204, 304):
                await viewer.send(f"GET /{status} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                _, fields, _ = await viewer.response()
                assert "content-length" not in fields
                assert "transfer-encoding" not in fields
            await viewer.send(GET)
            assert (await viewer.response())[2] == b"/inline"

    run(check())


def test_date_is_there_exactly_once_and_the_origins_own_wins() -> None:
    async def dated(request: Request) -> Response:
        headers = Headers([("dAte", "Sun, 06 Nov 1994 08:49:37 GMT")] if request.path == "/own" else [])
        return Response(status=200, headers=headers)

    async def check() -> None:
        async with serving(dated) as served:
            viewer = await served.viewer()
            await viewer.send(b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n")
            head = await viewer.head()
            assert head.lower().count(b"\ndate:") == 1
            assert b"1994" in head
            await viewer.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await viewer.head()).count(b"\nDate:") == 1

    run(check())


def test_interim_responses_are_passed_on_before_the_final_one() -> None:
    async def hinting(request: Request) -> Response:
        assert request.interim is not None
        request.interim(103, Headers([("Link", "</a.css>; rel=preload")]))
        request.interim(102, Headers())
        request.interim(101, Headers())  # not passed: the wire alone switches protocols
        return Response(status=200, body=b"x")

    async def check() -> None:
        async with serving(hinting) as served:
            viewer = await served.viewer()
            await viewer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await viewer.head() == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
            assert (await viewer.head()).startswith(b"HTTP/1.1 102 ")
            assert (await viewer.response())[2] == b"x"

    run(check())


def test_a_body_that_lies_about_its_length_breaks_the_connection() -> None:
    async def lying(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"abc"
            yield b"def"

        return Response(status=200, headers=Headers([("Content-Length", request.path[1:])]), body=pieces())

    async def check() -> None:
        async with serving(lying) as served:
            for declared in (5, 7):
                await served.exchange(f"GET /{declared} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                await served.until(lambda: not served.state.connections)
                assert served.side.exchanges[-1].aborted
            viewer = await served.viewer()
            await viewer.send(b"GET /6 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await viewer.response())[2] == b"abcdef"

    run(check())


def test_a_response_with_a_forbidden_field_becomes_a_clean_502() -> None:
    async def injecting(request: Request) -> Response:
        bad = {"/v": ("X", "a\r\nSet-Cookie: b"), "/n": ("a b", "c"), "/u": ("X", "\u20ac")}[request.path]
        return Response(status=200, headers=Headers([bad]), body=b"secret")

    async def check() -> None:
        async with serving(injecting) as served:
            viewer = await served.viewer()
            for path in ("/v", "/n", "/u"):
                await viewer.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                status, fields, body = await viewer.response()
                assert status == 502
                assert "set-cookie" not in fields
                assert b"secret" not in body

    run(check())


def test_an_exception_of_the_viewer_side_is_a_500_without_a_traceback() -> None:
    async def broken(request: Request) -> Response:
        raise ZeroDivisionError("private detail")

    async def check() -> None:
        async with serving(broken) as served:
            viewer = await served.viewer()
            await viewer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            status, _, body = await viewer.response()
            assert status == 500
            assert b"private" not in body
            assert b"Traceback" not in body

    run(check())


def test_a_viewer_who_leaves_cancels_the_answer() -> None:
    async def check() -> None:
        cancelled = asyncio.Event()

        async def forever(request: Request) -> Response:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            raise AssertionError

        async with serving(forever) as served:
            viewer = await served.viewer()
            await viewer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await served.until(lambda: bool(served.side.requests))
            viewer.close()
            await cancelled.wait()
            await served.until(lambda: bool(served.side.exchanges))
            assert served.side.exchanges[0].aborted
            await served.until(lambda: not served.state.tasks)

    run(check())


def test_a_body_nobody_reads_is_dropped_and_the_connection_goes_on() -> None:
    async def ignore(request: Request) -> Response:
        return Response(status=200, body=b"ok")

    async def check() -> None:
        async with serving(ignore) as served:
            viewer = await served.viewer()
            await viewer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 10)
            assert (await viewer.response())[2] == b"ok"
            await viewer.send(b"x" * 99_990 + GET)
            assert (await viewer.response())[2] == b"/inline"

    run(check())


def test_an_unread_body_that_is_too_long_to_drop_closes_the_connection() -> None:
    async def ignore(request: Request) -> Response:
        return Response(status=200, body=b"ok")

    async def check() -> None:
        async with serving(ignore) as served:
            viewer = await served.viewer()
            await viewer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 10)
            status, fields, _ = await viewer.response()
            assert (status, fields["connection"]) == (200, "close")

    run(check())


def test_an_upload_is_held_back_while_nobody_reads_it() -> None:
    async def check() -> None:
        go = asyncio.Event()

        async def later(request: Request) -> Response:
            await go.wait()
            return Response(status=200, body=str(len(await read_body(request))).encode())

        async with serving(later) as served:
            viewer = await served.viewer()
            size = 64 << 20
            await viewer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            upload = asyncio.ensure_future(viewer.send(bytes(size)))
            connection = served.connection()
            await served.until(
                lambda: connection._receiver is not None and connection._receiver.incoming.paused
            )
            assert connection._receiver is not None
            assert connection._receiver.incoming.length_bytes < 4 << 20
            go.set()
            await upload
            assert (await viewer.response())[2] == str(size).encode()

    run(check())


def test_a_download_is_held_back_while_the_viewer_does_not_read() -> None:
    async def check() -> None:
        produced = 0

        async def endless(request: Request) -> Response:
            async def pieces() -> AsyncIterator[bytes]:
                nonlocal produced
                for _ in range(512):
                    produced += 65536
                    yield bytes(65536)

            return Response(status=200, body=pieces())

        async with serving(endless) as served:
            viewer = await served.viewer()
            await viewer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            connection = served.connection()
            await served.until(lambda: connection._writable is not None)
            assert produced < 24 << 20
            assert len((await viewer.response())[2]) == 512 * 65536

    run(check())


def test_a_broken_body_reaches_the_reader_as_a_request_error() -> None:
    async def reading(request: Request) -> Response:
        try:
            await read_body(request)
        except RequestError as error:
            return Response(status=error.status_code, body=b"refused")
        raise AssertionError

    async def check() -> None:
        async with serving(reading) as served:
            octets = await served.exchange(
                b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc"
            )
            assert octets.startswith(b"HTTP/1.1 400 ")
            assert b"Connection: close" in octets

    run(check())
