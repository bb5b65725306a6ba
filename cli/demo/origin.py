"""The demo's origin: a small application behind the POPs, as a process of its own.

It renders pages that may be cached (``/articles/N``), and answers that may not (``/api/…``). Every answer
takes 25 ms, as an application with a database would: that is what a cache hit saves.

usage: python -m cli.demo.origin PORT
"""

import asyncio
import html
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

RENDER_S = 0.025
HEAD_MAX = 64 * 1024
IDLE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is answered; ``cache`` is its Cache-Control."""

    status: int
    content_type: str
    body: bytes
    cache: str


def page_of(target: str, fields: Mapping[str, str]) -> Page:
    """Return the answer to a target. Pure."""
    path = target.partition("?")[0]
    kind, _, rest = path.removeprefix("/").partition("/")
    if path == "/":
        return _html("Meridian", "The paper of everywhere.", "max-age=30, stale-while-revalidate=60")
    if kind == "articles" and rest.isdigit():
        return _html(f"Article {rest}", "Written once, read everywhere.", "max-age=300")
    if kind == "api":
        seen = {"path": path, "viewer_country": fields.get("cloudfront-viewer-country", "unknown")}
        return Page(
            status=200,
            content_type="application/json",
            body=json.dumps(seen).encode() + b"\n",
            cache="private, no-store",
        )
    return Page(status=404, content_type="text/plain", body=f"no {path} here\n".encode(), cache="max-age=5")


def _html(title: str, text: str, cache: str) -> Page:
    body = (
        f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title>"
        f"<link rel=stylesheet href=/assets/site.css><main><h1>{html.escape(title)}</h1>"
        f"<p>{html.escape(text)}</p></main>\n"
    )
    return Page(status=200, content_type="text/html; charset=utf-8", body=body.encode(), cache=cache)


def octets_of(page: Page, method: str) -> bytes:
    """Return the response as it goes over the wire. Pure."""
    head = (
        f"HTTP/1.1 {page.status} {HTTPStatus(page.status).phrase}\r\n"
        f"Content-Type: {page.content_type}\r\n"
        f"Content-Length: {len(page.body)}\r\n"
        f"Cache-Control: {page.cache}\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else page.body)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            async with asyncio.timeout(IDLE_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *rest = head.split("\r\n")
            method, target, _ = line.split(" ", 2)
            fields = {
                name.lower(): value.strip() for name, _, value in (field.partition(":") for field in rest)
            }
            length = int(fields.get("content-length", "0"))
            await reader.readexactly(min(length, HEAD_MAX))
            await asyncio.sleep(RENDER_S)
            writer.write(octets_of(page_of(target, fields), method))
            await writer.drain()
    except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
        pass  # the POP hung up, or spoke nonsense: its connection ends
    finally:
        writer.close()


async def _until_parent_ends() -> None:
    """Return when standard input closes: then who started us is gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def main(port: int) -> None:
    """Serve on loopback until who started us is gone."""
    server = await asyncio.start_server(_serve, "127.0.0.1", port, limit=HEAD_MAX)
    bound = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"ready http://127.0.0.1:{bound}\n")
    sys.stdout.flush()
    await _until_parent_ends()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
