"""The ASGI face, alone and under a real server."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from edgefaas.asgi import AsgiFace, BrokenBodyError
from edgefaas.message import Headers, Request, Response
from edgefaas.wire import WireSettings
from tests.edgefaas.wire.serving import FakeViewerSide, Viewer, echo

DEADLINE_S = 20.0


def scope(method: str = "GET", path: str = "/x", **changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"a")],
        "client": ("192.0.2.1", 5),
        "http_version": "2",
        "scheme": "https",
    } | changes


class Server:
    """What an ASGI server would do, by hand."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for message in messages or ({"type": "http.request", "body": b"", "more_body": False},):
            self.incoming.put_nowait(message)
        self.sent: list[dict[str, Any]] = []

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def fields(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


def serve(
    side: FakeViewerSide, asked: dict[str, Any], *messages: dict[str, Any], limit: int = 1000
) -> Server:
    async def main() -> Server:
        server = Server(*messages)
        face = AsgiFace(side, WireSettings(body_limit_bytes=limit))
        async with asyncio.timeout(DEADLINE_S):
            await face(asked, server.incoming.get, server.send)
        return server

    return asyncio.run(main())


def test_a_request_reaches_the_viewer_side_as_from_the_wire() -> None:
    side = FakeViewerSide()
    asked = scope(path="/a%20b", query_string=b"c=d", headers=[(b"host", b"Ex.org:81"), (b"x-y", b"1")])
    server = serve(side, asked)
    request = side.requests[0]
    assert (request.path, request.query, request.host) == ("/a%20b", "c=d", "ex.org:81")
    assert (request.viewer_ip, request.viewer_port) == ("192.0.2.1", 5)
    assert (request.scheme, request.http_version) == ("https", "2.0")
    assert request.body == b""
    assert server.status == 200
    assert server.fields[b"x-target"] == b"/a%20b?c=d"
    assert b"date" in server.fields
    assert side.exchanges[0].status == 200
    assert not side.exchanges[0].aborted


def test_bodies_come_as_bytes_or_as_a_stream() -> None:
    one = {"type": "http.request", "body": b"abc", "more_body": False}
    assert serve(FakeViewerSide(), scope("POST"), one).body == b"abc"
    first = {"type": "http.request", "body": b"ab", "more_body": True}
    assert serve(FakeViewerSide(), scope("POST"), first, first, one).body == b"abababc"


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413)])
def test_a_body_has_a_limit(size: int, status: int) -> None:
    piece = {"type": "http.request", "body": b"x" * (size - 500), "more_body": True}
    last = {"type": "http.request", "body": b"x" * 500, "more_body": False}
    assert serve(FakeViewerSide(), scope("POST"), piece, last).status == status
    declared = [(b"host", b"a"), (b"content-length", str(size).encode())]
    assert serve(FakeViewerSide(), scope("POST", headers=declared), piece, last).status == status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"headers": []}, 400),
        ({"headers": [(b"host", b"a"), (b"host", b"b")]}, 400),
        ({"headers": [(b"host", b"a"), (b"x", b"a\r\nb: c")]}, 400),
        ({"headers": [(b"host", b"a")] * 201}, 431),
        ({"method": "CONNECT"}, 405),
        ({"raw_path": b"/" + b"a" * 16384}, 414),
    ],
)
def test_what_the_wire_refuses_is_refused(changes: dict[str, Any], status: int) -> None:
    side = FakeViewerSide()
    assert serve(side, scope() | changes).status == status
    assert not side.requests
    assert side.exchanges[0].status == status


def test_a_viewer_who_leaves_cancels_the_answer() -> None:
    cancelled: list[bool] = []

    async def forever(request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)
        raise AssertionError

    side = FakeViewerSide(forever)
    request = {"type": "http.request", "body": b"", "more_body": False}
    assert serve(side, scope(), request, {"type": "http.disconnect"}).sent == []
    assert cancelled == [True]
    assert side.exchanges[0].aborted


def test_a_stream_is_sent_piece_by_piece_and_closed() -> None:
    closed: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"ab"
            yield b"c"
        finally:
            closed.append(True)

    async def stream(request: Request) -> Response:
        return Response(status=200, body=pieces())

    server = serve(FakeViewerSide(stream), scope())
    assert [message["body"] for message in server.sent[1:]] == [b"ab", b"c", b""]
    assert b"transfer-encoding" not in server.fields
    assert closed == [True]
    assert serve(FakeViewerSide(stream), scope("HEAD")).body == b""


@pytest.mark.parametrize("declared", ["2", "4"])
def test_a_body_that_lies_about_its_length_breaks_off(declared: str) -> None:
    async def stream(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"abc"

        return Response(status=200, headers=Headers([("Content-Length", declared)]), body=pieces())

    side = FakeViewerSide(stream)
    with pytest.raises(BrokenBodyError):
        serve(side, scope())
    assert side.exchanges[0].aborted


def test_a_response_that_is_not_http_becomes_a_clean_502() -> None:
    async def injecting(request: Request) -> Response:
        return Response(status=200, headers=Headers([("X", "a\r\nb: c")]))

    assert serve(FakeViewerSide(injecting), scope()).status == 502


@pytest.mark.parametrize(("made", "sent"), [(199, 502), (200, 200), (599, 599), (600, 502)])
def test_only_final_statuses_of_http_are_sent(made: int, sent: int) -> None:
    async def answering(request: Request) -> Response:
        return Response(status=made)

    assert serve(FakeViewerSide(answering), scope()).status == sent


def test_an_exception_becomes_a_clean_500() -> None:
    async def broken(request: Request) -> Response:
        raise ZeroDivisionError("private")

    server = serve(FakeViewerSide(broken), scope())
    assert server.status == 500
    assert b"private" not in server.body


def test_it_lives_and_refuses_websockets() -> None:
    lifespan = ({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    sent = serve(FakeViewerSide(), {"type": "lifespan"}, *lifespan).sent
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    sent = serve(FakeViewerSide(), {"type": "websocket"}, {"type": "websocket.connect"}).sent
    assert sent[0]["type"] == "websocket.close"


@pytest.mark.slow
def test_a_real_server_serves_it() -> None:
    async def main() -> None:
        side = FakeViewerSide(echo)
        config = uvicorn.Config(AsgiFace(side), date_header=False, log_level="error", ws="none", http="h11")
        server = uvicorn.Server(config)
        sock = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.ensure_future(server._serve([sock]))
        async with asyncio.timeout(DEADLINE_S):
            while not server.started:
                await asyncio.sleep(0.005)
            viewer = Viewer(*await asyncio.open_connection("127.0.0.1", sock.getsockname()[1]))
            body = bytes(100_000)
            head = b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n"
            await viewer.send(head)
            assert (await viewer.head()).startswith(b"HTTP/1.1 100 ")
            await viewer.send(body)
            status, fields, got = await viewer.response()
            assert (status, got) == (200, body)
            assert fields["content-length"] == "100000"
            viewer.close()
            server.should_exit = True
            await serving
        with contextlib.suppress(OSError):
            sock.close()

    asyncio.run(main())
