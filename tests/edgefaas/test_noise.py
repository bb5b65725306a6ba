"""Noise: viewers who leave when they like, an origin that answers at random. Nothing raises, nobody else notices."""

import asyncio
import contextlib
import gc
import logging
import random
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.edgefaas.live import Pop, origin, pop

CONNECTIONS = 600
AT_ONCE = 20
ASSET = bytes(range(256)) * 40
SITE = """
[origins.assets]
directory = "public"
[origins.noise]
url = "http://127.0.0.1:{port}"
first_byte_timeout = 1
[[behaviors]]
path = "/noise/*"
origin = "noise"
[[behaviors]]
path = "*"
origin = "assets"
"""
METHODS = ("GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "CONNECT", "FOO")
TARGETS = (
    "/",
    "/asset.bin",
    "/noise/%d",
    "/noise/%d?a=%d",
    "/%2e%2e/x",
    "//a",
    "/noise/\xff",
    "*",
    "/noise/%00",
)
REQUEST_FIELDS = (
    *(
        "Range: bytes=0-%d",
        "Range: bytes=5-2,3-",
        "Range: bytes=-5,1-2,0-0",
        'If-None-Match: "a", W/"b"',
        "If-Range: x",
    ),
    *(
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
        "Accept-Encoding: gzip;q=0, br;q=1, zstd",
        "TE: trailers",
    ),
    *(
        "Cache-Control: no-cache",
        "Cache-Control: only-if-cached",
        "Cache-Control: max-stale=%d",
        "Authorization: Basic x",
    ),
    *(
        "X-Forwarded-For: 1.2.3.%d",
        'Forwarded: for="',
        "Expect: 100-continue",
        "Connection: close",
        "Connection: upgrade",
    ),
    *(
        "Upgrade: websocket",
        "Transfer-Encoding: chunked",
        "Content-Length: %d",
        "Host: b:%d",
        "X-Edge-Hop: v1;x;y",
    ),
    *(
        "User-Agent: \xff\xc0",
        "Cookie: a=%d; b",
        "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
)
ANSWER_FIELDS = (
    *("Cache-Control: max-age=%d", "Cache-Control: max-age=1, stale-while-revalidate=10", "Vary: Accept-Encoding, X-A"),
    *('ETag: "a"', "Set-Cookie: a=1", "Content-Encoding: gzip", "Age: -1", "Expires: 0", "Date: x", "Connection: X"),
    *("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Cache-Control: private, no-store", "Content-Range: bytes 0-1/2"),
    *("CDN-Cache-Control: max-age=5", "X: \xff\xfe", "bad field", "Transfer-Encoding: chunked", "Content-Length: 5"),
)  # fmt: skip
STATUSES = (*[200] * 8, 99, 100, 101, 103, 204, 206, 301, 304, 404, 412, 416, 500, 503, 600, 999)


def filled(dice: random.Random, text: str) -> str:
    while "%d" in text:
        text = text.replace("%d", str(dice.choice((-1, 0, 1, 2, 7, 100, 10**6, 10**20))), 1)
    return text


def framed(dice: random.Random, octets: bytes) -> tuple[str, bytes]:
    """Return a field that frames a body, and the body; sometimes they do not agree."""
    kind = dice.random()
    if kind < 0.5:
        return f"Content-Length: {len(octets)}", octets
    if kind < 0.9:
        return "Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(octets) or 1, octets or b"x")
    return f"Content-Length: {len(octets) + 7}", octets


def a_request(dice: random.Random) -> bytes:
    fields = [filled(dice, dice.choice(REQUEST_FIELDS)) for _ in range(dice.randrange(5))]
    if dice.random() < 0.95:
        fields.insert(0, "Host: localhost")
    body = b""
    if dice.random() < 0.3:
        framing, body = framed(dice, dice.randbytes(dice.randrange(3_000)))
        fields.append(framing)
    start = f"{dice.choice(METHODS)} {filled(dice, dice.choice(TARGETS))} HTTP/1.{dice.choice('1111110 2')}"
    octets = bytearray("\r\n".join([start, *fields, "", ""]).encode("latin-1") + body)
    if dice.random() < 0.1:
        for _ in range(dice.randrange(1, 5)):
            octets[dice.randrange(len(octets))] = dice.randrange(256)
    return bytes(octets)


def an_answer(dice: random.Random) -> bytes:
    if dice.random() < 0.05:
        return dice.randbytes(60)
    framing, body = framed(dice, dice.randbytes(dice.choice((0, 1, 5, 100, 9_000))))
    fields = [framing, *(filled(dice, field) for field in dice.sample(ANSWER_FIELDS, dice.randrange(5)))]
    head = "\r\n".join([f"HTTP/1.1 {dice.choice(STATUSES)} X", *fields, "", ""])
    return head.encode("latin-1") + body


async def a_viewer(dice: random.Random, port: int) -> None:
    """Send some requests, read as it likes, and leave: properly, or with a reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for _ in range(dice.randrange(1, 5)):
            writer.write(a_request(dice) * dice.choice((1, 1, 1, 2, 5)))
            if dice.random() < 0.4:
                await asyncio.wait_for(reader.read(dice.choice((1, 100, 65_536))), 0.2)
    except (TimeoutError, ConnectionError, RuntimeError):  # the last is how uvloop says that it is closed
        pass
    finally:
        leaving: socket.socket | None = writer.get_extra_info("socket")
        if leaving is not None and dice.random() < 0.5:
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def a_patient_viewer(port: int, over: asyncio.Event) -> int:
    """Ask for the asset again and again on one connection; return how often it came whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while not over.is_set():
        writer.write(b"GET /asset.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert await reader.readexactly(len(ASSET)) == ASSET
        count += 1
    writer.close()
    return count


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_noise_raises_nothing_and_changes_no_answer(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(seed)
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "asset.bin").write_bytes(ASSET)
    unhandled: list[dict[str, Any]] = []

    async def make_noise(served: Pop) -> None:
        async with asyncio.timeout(120):
            for _ in range(CONNECTIONS // AT_ONCE):
                async with asyncio.TaskGroup() as crowd:
                    for _ in range(AT_ONCE):
                        crowd.create_task(a_viewer(dice, served.port))

    async def main() -> int:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: unhandled.append(what))
        async with (
            origin(lambda _: an_answer(dice)) as fake,
            pop(SITE.format(port=fake.port), tmp_path) as served,
            asyncio.TaskGroup() as group,
        ):
            over = asyncio.Event()
            patient = [group.create_task(a_patient_viewer(served.port, over)) for _ in range(3)]
            await make_noise(served)
            over.set()
            counts = [await viewer for viewer in patient]
        gc.collect()  # what nobody retrieved is told when it is forgotten
        return min(counts)

    with caplog.at_level(logging.ERROR):
        assert uvloop.run(main()) > 0
    assert unhandled == []
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
