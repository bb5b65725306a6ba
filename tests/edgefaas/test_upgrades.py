"""WebSocket through a whole POP: past the cache, to URL origins only, with functions in the way."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.edgefaas.live import Pop, pop
from tests.edgefaas.test_functions_on_the_way import constant, deploy

HANDSHAKE = (
    b"GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nplain"
Scenario = Callable[[Pop, list[bytes]], Coroutine[Any, Any, None]]


async def handshake(port: int, first: bytes = b"") -> tuple[bytes, bytes]:
    """Ask for WebSocket, send ``first``, and return head and the octets that come back to it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(30):
            writer.write(HANDSHAKE + first)
            head = await reader.readuntil(b"\r\n\r\n")
            switched = head.startswith(b"HTTP/1.1 101")
            length = 0 if b"Content-Length: 5" not in head else 5
            return head, await reader.readexactly(len(first) if switched else length)
    finally:
        writer.close()


def play(
    folder: Path, site: str, scenario: Scenario, *, switched: bytes = SWITCHED, **functions: str
) -> None:
    """Run a scenario against an origin that echoes after the handshake, and answers plain GETs."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head)
                if b"\r\nupgrade: websocket\r\n" not in head.lower():
                    writer.write(PLAIN)
                    continue
                writer.write(switched)
                while piece := await reader.read(65536):
                    writer.write(piece)
                return
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        named = "".join(f'[functions.{name}]\nsource = "{name}.wat"\n' for name in functions)
        async with pop(site.replace("PORT", str(port)) + named, folder) as served:
            if functions:
                await deploy(served, folder / "artifacts", None, **functions)
            await scenario(served, heads)
        server.close()

    asyncio.run(main())


SITE = '[origins.app]\nurl = "http://127.0.0.1:PORT"\n[[behaviors]]\npath = "*"\norigin = "app"\n'


def test_a_stored_answer_is_not_the_answer_to_a_handshake(tmp_path: Path) -> None:
    async def scenario(served: Pop, heads: list[bytes]) -> None:
        async with asyncio.timeout(30):
            await served.ask("/chat", headers={"Host": "a.example"})
            hit = await served.ask("/chat", headers={"Host": "a.example"})
            assert hit.headers["x-cache"] == "Hit from edgefaas"
            head, echoed = await handshake(served.port, b"hello")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert echoed == b"hello"
        assert len(heads) == 2

    play(tmp_path, SITE, scenario)


def test_a_length_in_an_answer_that_switches_is_left_out(tmp_path: Path) -> None:
    """Two that differ ended the connection with nothing said, and a traceback in the log."""

    async def scenario(served: Pop, _: list[bytes]) -> None:
        head, echoed = await handshake(served.port, b"hello")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"content-length" not in head.lower()
        assert echoed == b"hello"

    lengths = b"\r\nContent-Length: 1\r\nContent-Length: 5\r\n\r\n"
    play(tmp_path, SITE, scenario, switched=SWITCHED.replace(b"\r\n\r\n", lengths))


def test_handshakes_at_the_same_time_have_a_connection_each(tmp_path: Path) -> None:
    async def scenario(served: Pop, heads: list[bytes]) -> None:
        echoes = [b"one", b"two", b"three"]
        answers = await asyncio.gather(*(handshake(served.port, first) for first in echoes))
        assert [echoed for _, echoed in answers] == echoes
        assert len(heads) == 3

    play(tmp_path, SITE, scenario)


def test_what_an_origin_answers_in_place_of_switching_is_not_stored(tmp_path: Path) -> None:
    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(PLAIN)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(refusing, "127.0.0.1", 0)
        site = SITE.replace("PORT", str(server.sockets[0].getsockname()[1]))
        async with pop(site, tmp_path) as served:
            head, body = await handshake(served.port)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert body == b"plain"
            assert b"fwd=bypass" in head
            assert b"stored" not in head
            plain = await served.ask("/chat", headers={"Host": "a.example"})
            assert plain.headers["x-cache"] == "Miss from edgefaas"
        server.close()

    asyncio.run(main())


@pytest.mark.slow
def test_a_function_that_changes_the_request_does_not_lose_the_handshake(tmp_path: Path) -> None:
    named = '{"host": [{"value": "a.example"}]}'
    changed = constant(f'{{"uri": "/rooms/1", "querystring": "", "headers": {named}}}')
    triggers = 'viewer_request = "v"\norigin_request = "o"\norigin_response = "r"\nviewer_response = "r"\n'

    async def scenario(served: Pop, heads: list[bytes]) -> None:
        head, echoed = await handshake(served.port, b"hi")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert echoed == b"hi"
        assert heads[0].startswith(b"GET /rooms/1 ")

    refused = constant('{"status": "599"}')  # would be seen if it ran
    play(tmp_path, SITE + triggers, scenario, v=changed, o=changed, r=refused)


@pytest.mark.slow
def test_a_function_may_refuse_a_handshake_and_a_function_origin_answers_it_plainly(tmp_path: Path) -> None:
    site = '[origins.made]\nfunction = "f"\n[[behaviors]]\npath = "*"\norigin = "made"\n'

    async def scenario(served: Pop, heads: list[bytes]) -> None:
        for _ in range(2):
            head, _ = await handshake(served.port)
            assert head.startswith(b"HTTP/1.1 403 ")
        assert heads == []

    play(tmp_path, SITE + 'viewer_request = "f"\n', scenario, f=constant('{"status": "403"}'))
    play(tmp_path, site, scenario, f=constant('{"status": "403"}'))
