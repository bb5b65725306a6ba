"""Ask: a few thousand real requests over keep-alive connections to the router in front.

Every request carries its viewer's address in X-Forwarded-For, as a trusted load balancer would give it.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cli.demo.tally import Kind, Tally, kind_of
from cli.demo.viewers import SEED, Viewer

CONNECTIONS = 4  # few enough that times are those of an answer, not of a queue
ANSWER_TIMEOUT_S = 15.0
BUDGET_S = 25.0  # the demo is done within a minute, also on a slow machine
HEAD_MAX = 64 * 1024
ARTICLES = 12

TARGETS: Sequence[tuple[int, str]] = (
    (22, "/assets/site.css"),
    (16, "/assets/site.js"),
    (14, "/assets/mark.svg"),
    (24, "/articles/{article}?utm_source={source}"),
    (6, "/"),
    (10, "/hello"),
    (6, "/wasm"),
    (2, "/api/stock"),
)
"""What viewers ask for, with its weight. A function takes the utm_source off, so that all share one copy."""

SOURCES = ("mail", "social", "search", "print")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request to be made."""

    viewer: Viewer
    target: str

    def octets(self, host: str) -> bytes:
        """Return the request as it goes over the wire."""
        lines = [
            f"GET {self.target} HTTP/1.1",
            f"Host: {host}",
            f"X-Forwarded-For: {self.viewer.address}",
            "Accept: */*",
            "User-Agent: edgefaas-demo",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def plan(viewers: Sequence[Viewer], count: int) -> list[Ask]:
    """Return so many requests, every viewer about as often; the same ones in every run."""
    draw = random.Random(SEED)  # noqa: S311  reproducible, not secret
    weights = [weight for weight, _ in TARGETS]
    targets = [target for _, target in TARGETS]
    asks = []
    for number in range(count):
        target = draw.choices(targets, weights)[0].format(
            article=draw.randint(1, ARTICLES), source=draw.choice(SOURCES)
        )
        asks.append(Ask(viewer=viewers[number % len(viewers)], target=target))
    draw.shuffle(asks)
    return asks


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """One answer; ``headers`` by lower-case name, the first line of each."""

    status: int
    headers: dict[str, str]
    took_s: float
    body_bytes: int


class BadAnswerError(Exception):
    """What came back is not HTTP as we read it."""


class Connection:
    """One keep-alive connection to the router in front; opened again when it was closed."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, ask: Ask) -> Got:
        """Make one request. Raises OSError, EOFError, TimeoutError or BadAnswerError."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            if self._reader is None or self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(
                    self._host, self._port, limit=HEAD_MAX
                )
            began = time.perf_counter()
            self._writer.write(ask.octets(f"{self._host}:{self._port}"))
            head = await self._reader.readuntil(b"\r\n\r\n")
            status, headers = read_head(head)
            body_bytes = await self._read_body(headers)
            took_s = time.perf_counter() - began
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Got(status=status, headers=headers, took_s=took_s, body_bytes=body_bytes)

    async def _read_body(self, headers: dict[str, str]) -> int:
        assert self._reader is not None
        if headers.get("transfer-encoding", "").lower() == "chunked":
            total = 0
            while size := int((await self._reader.readline()).split(b";")[0], 16):
                await self._reader.readexactly(size + 2)
                total += size
            await self._reader.readuntil(b"\r\n")
            return total
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise BadAnswerError(f"Content-Length is {length!r}")
        return len(await self._reader.readexactly(int(length)))

    def close(self) -> None:
        """Close; the next request opens it again."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Return status and fields of a response head. Raises BadAnswerError."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ", 2)
    if not parts[0].startswith("HTTP/1.") or len(parts) < 2 or not parts[1].isdigit():  # noqa: PLR2004
        raise BadAnswerError(f"the first line is {lines[0]!r}")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.lower(), value.strip())
    return int(parts[1]), headers


Progress = Callable[[int, int, Ask, str], None]
"""Told (done, of how many, the last request, the POP that answered it)."""


async def send(asks: Sequence[Ask], *, host: str, port: int, tally: Tally, progress: Progress) -> None:
    """Make all requests over a few connections and count the answers; stops early after 25 s."""
    queue = iter(asks)
    deadline = time.perf_counter() + BUDGET_S
    connections = [Connection(host, port) for _ in range(CONNECTIONS)]
    try:
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(_drive(connection, queue, deadline, tally, len(asks), progress))
    finally:
        for connection in connections:
            connection.close()


async def _drive(
    connection: Connection,
    queue: Iterator[Ask],
    deadline: float,
    tally: Tally,
    total: int,
    progress: Progress,
) -> None:
    for ask in queue:
        if time.perf_counter() > deadline:
            return
        began = time.perf_counter()
        pop = ""
        try:
            got = await connection.ask(ask)
            pop = got.headers.get("x-edge-pop", "")
            kind, took_s = kind_of(got.status, got.headers), got.took_s
            if kind is Kind.ERROR:
                tally.first_error = tally.first_error or f"{ask.target}: status {got.status}"
        except (OSError, EOFError, TimeoutError, ValueError, BadAnswerError) as error:
            connection.close()
            kind, took_s = Kind.ERROR, time.perf_counter() - began
            tally.first_error = tally.first_error or f"{ask.target}: {type(error).__name__} {error}"
        tally.add(ask.viewer, kind, pop, took_s * 1e3)
        progress(tally.total, total, ask, pop)
