"""Serve DNS over UDP and TCP. A thin shell: sockets and the clock here, answers in ``dns_answer``.

Source: RFC 1035 section 4.2, RFC 7766 (TCP: several queries per connection, idle timeouts).
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from router.dns_answer import DnsAnswerer, truncated_wire
from router.dns_limit import DnsLimit, Verdict

TCP_CONNECTIONS_MAX = 128
TCP_QUERIES_MAX = 1_000
TCP_IDLE_S = 10.0


@asynccontextmanager
async def serve_dns(
    answerer: DnsAnswerer,
    host: str,
    port: int,
    limit: DnsLimit | None = None,
    *,
    shared: bool = False,
) -> AsyncIterator[int]:
    """Serve until the block ends; yields the port (chosen by the kernel when ``port`` is 0).

    ``shared`` lets several processes serve on one port (SO_REUSEPORT).

    Raises:
        OSError: the address cannot be bound (the operator).
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    stream = _Stream(answerer)
    server = await asyncio.start_server(stream.serve, host, port, family=family, reuse_port=shared or None)
    bound: int = server.sockets[0].getsockname()[1]
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(answerer, limit or DnsLimit()),
            local_addr=(host, bound),
            family=family,
            reuse_port=shared or None,
        )
    except BaseException:
        server.close()
        raise
    try:
        yield bound
    finally:
        transport.close()
        server.close()
        stream.close()
        await server.wait_closed()


class _Datagrams(asyncio.DatagramProtocol):
    """UDP: one datagram, one answer."""

    def __init__(self, answerer: DnsAnswerer, limit: DnsLimit) -> None:
        self._answerer = answerer
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        now_s = self._loop.time()
        verdict = self._limit.judge(addr[0], now_s)
        if verdict is Verdict.DROP:
            return
        full = verdict is Verdict.ANSWER
        answer = self._answerer.answer(data, addr[0], now_s) if full else truncated_wire(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


class _Stream:
    """TCP: queries with two bytes of length before each, until the resolver closes or idles."""

    def __init__(self, answerer: DnsAnswerer) -> None:
        self._answerer = answerer
        self._open: set[asyncio.StreamWriter] = set()

    def close(self) -> None:
        """Close what is still open."""
        for writer in self._open:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; ends quietly whatever the peer does."""
        if len(self._open) >= TCP_CONNECTIONS_MAX:
            writer.close()
            return
        self._open.add(writer)
        try:
            await self._exchange(reader, writer)
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peername = writer.get_extra_info("peername")
        if not peername:  # it left before it was looked at
            return
        peer: str = peername[0]
        loop = asyncio.get_running_loop()
        for _ in range(TCP_QUERIES_MAX):
            async with asyncio.timeout(TCP_IDLE_S):
                length = int.from_bytes(await reader.readexactly(2), "big")
                query = await reader.readexactly(length)
                answer = self._answerer.answer(query, peer, loop.time(), tcp=True)
                if answer is None:
                    return
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
